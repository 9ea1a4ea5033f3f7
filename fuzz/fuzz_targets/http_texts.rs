//! What the HTTP API reads beside bodies: headers of commands, cursors, resume tokens, numbers.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| evento_gateway::fuzzing::texts(data));
