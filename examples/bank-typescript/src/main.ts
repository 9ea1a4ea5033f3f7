/**
 * Serves the account until Evento stops it.
 *
 * @module
 */
import { serve } from "@evento/sdk";

import { accounts } from "./accounts.js";

serve(accounts);
