//! A module or component in a host of the kit's own.

use std::sync::Arc;

use evento_conformance::Module;
use evento_schema::resource::WasmSpec;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// Compiles a file and tries it.
#[cfg(feature = "wasm")]
pub(super) async fn load(wasm: &WasmSpec) -> Result<Arc<dyn Module>, Failure> {
    use evento_wasm::{Host, Refusal, Settings};

    let refused = |refusal: Refusal| {
        let failure = Failure::new(refusal.code.0, refusal.message).exit(Exit::Unavailable);
        match refusal.next {
            Some(next) => failure.next(next),
            None => failure,
        }
    };
    let settings = Settings { memory_bytes: wasm.memory_bytes, reuse: wasm.reuse, log: None };
    let host = Host::new(None).map_err(refused)?;
    let loaded = host.load(wasm.file.clone().into(), settings).await.map_err(refused)?;
    Ok(Arc::new(hosted::Hosted(loaded)))
}

#[cfg(feature = "wasm")]
mod hosted {
    use std::time::Duration;

    use bytes::Bytes;
    use evento_conformance::{Answering, Module};

    pub(super) struct Hosted(pub(super) evento_wasm::Loaded);

    impl Module for Hosted {
        fn manifest(&self) -> Option<Bytes> {
            self.0.said.clone()
        }

        fn call(&self, request: Bytes, deadline: Duration) -> Answering<'_> {
            Box::pin(self.0.function.exchange(request, deadline))
        }
    }
}

/// Says how to get a build that runs modules.
#[cfg(not(feature = "wasm"))]
pub(super) async fn load(wasm: &WasmSpec) -> Result<Arc<dyn Module>, Failure> {
    Err(Failure::new(2305, format!("{}: this build of Evento does not run WASM functions", wasm.file))
        .next("build it with the feature: cargo build --release -p evento --features wasm")
        .exit(Exit::Usage))
}
