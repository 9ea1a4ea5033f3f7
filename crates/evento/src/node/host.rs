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

/// What a call that was made at once leaves to be done, by dropping it or by `later`.
#[cfg(feature = "wasm")]
pub use evento_wasm::Used as After;

/// Nothing is called at once without the feature.
#[cfg(not(feature = "wasm"))]
pub enum After {}

#[cfg(not(feature = "wasm"))]
impl After {
    /// Never asked.
    pub fn later(self) {
        match self {}
    }
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

    /// The same, if it takes so little time that the command path may make the call itself.
    #[cfg_attr(not(feature = "wasm"), expect(unused_variables, reason = "nothing is called at once"))]
    pub fn run_now(&self, request: &RunRequest, timeout: Duration) -> Option<(Result<RunResponse, Failure>, After)> {
        match self {
            Host::Http(_) => None,
            #[cfg(feature = "wasm")]
            Host::Wasm(function) => function.run_now(request, timeout),
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
