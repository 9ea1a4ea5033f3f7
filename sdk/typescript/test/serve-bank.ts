/**
 * A process that serves the bank of the golden files, for the tests of signals.
 *
 * @module
 */
import { serve } from "../src/index.js";
import { bank } from "./golden-bank.js";

serve(bank());
