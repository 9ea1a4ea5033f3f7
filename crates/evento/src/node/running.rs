//! What Evento started for a function: a process or a container. The supervisor sees no difference.

use std::time::Duration;

use evento_function::http::Address;
use evento_function::process::RunningProcess;

/// How long the last lines of a process may take after its end.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// A started function.
pub enum Running {
    /// A process of this machine.
    Process(Box<RunningProcess>),
    /// A container of an engine on this machine.
    #[cfg(feature = "containers")]
    Container(Box<evento_containers::RunningContainer>),
}

/// How a started function ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// In words.
    pub how: String,
    /// EV3001, or EV3013 when it was killed for want of memory.
    pub code: u16,
}

impl Running {
    /// Where it listens, once it does.
    pub fn address(&self) -> Address {
        match self {
            Running::Process(process) => process.address(),
            #[cfg(feature = "containers")]
            Running::Container(container) => container.address(),
        }
    }

    /// What it must show as `Evento-Instance`.
    pub fn instance(&self) -> &str {
        match self {
            Running::Process(process) => process.instance(),
            #[cfg(feature = "containers")]
            Running::Container(container) => container.instance(),
        }
    }

    /// The id of the image it was started from.
    pub fn image(&self) -> Option<&str> {
        match self {
            Running::Process(_) => None,
            #[cfg(feature = "containers")]
            Running::Container(container) => Some(container.image()),
        }
    }

    /// What it is called in messages.
    pub fn noun(&self) -> &'static str {
        match self {
            Running::Process(_) => "process",
            #[cfg(feature = "containers")]
            Running::Container(_) => "container",
        }
    }

    /// Returns when it has ended; may be asked again when an answer was not waited for.
    pub async fn exited(&mut self) -> Ended {
        match self {
            Running::Process(process) => {
                let status = process.exited().await;
                let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                Ended { how, code: 3001 }
            }
            #[cfg(feature = "containers")]
            Running::Container(container) => {
                let ended = container.exited().await;
                Ended { how: ended.to_string(), code: if ended.out_of_memory() { 3013 } else { 3001 } }
            }
        }
    }

    /// Gives what has ended a moment for its last words to arrive; of a container they are there.
    pub async fn last_words(&self) {
        if matches!(self, Running::Process(_)) {
            tokio::time::sleep(LAST_WORDS).await;
        }
    }

    /// SIGTERM, SIGKILL after five seconds; what it listened on goes.
    pub async fn stop(self) {
        match self {
            Running::Process(process) => process.stop().await,
            #[cfg(feature = "containers")]
            Running::Container(container) => container.stop().await,
        }
    }
}
