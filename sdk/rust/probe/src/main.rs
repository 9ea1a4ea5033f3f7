//! Serves the reference function of the conformance kit. What it does is in the library.

use evento_probe::{ProbeHost, Probes};

fn main() -> Result<(), evento_sdk::ServeError> {
    evento_sdk::serve(ProbeHost(Probes))
}
