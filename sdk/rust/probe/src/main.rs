//! Serves the probe. What it does is said in `sdk/conformance/README.md`.

use evento_probe::{ProbeHost, Probes};

fn main() -> Result<(), evento_sdk::ServeError> {
    evento_sdk::serve(ProbeHost(Probes))
}
