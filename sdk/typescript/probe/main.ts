/**
 * Serves the reference function: `node dist/probe/main.js`.
 *
 * @module
 */
import { serve } from "@evento/sdk";

import { probe } from "./probe.js";

serve(probe, { name: "probe", version: "1" });
