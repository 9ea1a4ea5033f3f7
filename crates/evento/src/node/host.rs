//! Where a revision of a function is called: over HTTP, or in this process. The caller sees no difference.

use std::time::Duration;

use evento_function::http::HttpFunction;
use evento_function::{Failure, RunRequest, RunResponse};

/// How a revision is reached.
pub enum Host {
    /// At an address: a process of ours, or somebody else's.
    Http(Box<HttpFunction>),
    /// In this process.
    #[cfg(feature = "wasm")]
    Wasm(evento_wasm::WasmFunction),
}

impl Host {
    /// One call: one answer or one failure, within the deadline.
    pub async fn run(&self, request: &RunRequest, timeout: Duration) -> Result<RunResponse, Failure> {
        match self {
            Host::Http(function) => function.run(request, timeout).await,
            #[cfg(feature = "wasm")]
            Host::Wasm(function) => function.run(request, timeout).await,
        }
    }

    /// Whether a call takes so little time that the command path may make it itself.
    pub fn is_instant(&self) -> bool {
        match self {
            Host::Http(_) => false,
            #[cfg(feature = "wasm")]
            Host::Wasm(function) => function.is_instant(),
        }
    }

    /// Whether it is called as another is: what is known of both is the same, word for word. A module in this
    /// process cannot change, so the one that is there stays.
    pub fn same_manifest(&self, other: &Host) -> bool {
        match (self, other) {
            (Host::Http(this), Host::Http(other)) => this.same_manifest(other),
            #[cfg(feature = "wasm")]
            (this, other) => matches!((this, other), (Host::Wasm(_), Host::Wasm(_))),
        }
    }
}
