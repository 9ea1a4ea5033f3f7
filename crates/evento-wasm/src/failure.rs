//! What it means when code in the cage does not come to an answer (function-protocol 10.1).

use std::time::Duration;

use evento_function::{Failure, FailureClass};
use evento_model::Code;
use wasmtime::{Error, PoolConcurrencyLimitError, Trap};

use crate::cage::OverMemory;

/// Largest answer, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 16 << 20;

/// An answer that breaks the protocol.
pub(crate) fn contract(title: impl Into<String>, detail: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Contract, Code(3005), title, detail)
}

pub(crate) fn too_large(bytes: usize) -> Failure {
    contract("the answer is too large", format!("{bytes} bytes; at most {BODY_BYTES_MAX} are read"))
}

pub(crate) fn late(timeout: Duration) -> Failure {
    Failure::new(FailureClass::Timeout, Code(3002), format!("no answer within {} ms", timeout.as_millis()), "")
}

pub(crate) fn crash(title: impl Into<String>, detail: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Crash, Code(3004), title, detail)
}

/// Judges an error of the engine. `words` is what the function said before it trapped.
pub(crate) fn judge(error: &Error, timeout: Duration, words: Option<String>) -> Failure {
    if let Some(over) = error.downcast_ref::<OverMemory>() {
        let title = format!("the function asked for more than the {} of memory that it may have", size(over.allowed));
        return Failure::new(FailureClass::Crash, Code(3012), title, format!("{} in all", size(over.asked)));
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        let title = "every place for a WASM instance is taken";
        return Failure::new(FailureClass::BackPressure { retry_after_ms: None }, Code(3001), title, error.to_string());
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => late(timeout),
        Some(Trap::StackOverflow) => crash("the function ran out of its 512 KiB of stack", format!("{error:?}")),
        Some(trap) => match words {
            Some(words) => crash(format!("the function panicked: {words}"), format!("{error:?}")),
            None => {
                let what = trap.to_string();
                let what = what.strip_prefix("wasm trap: ").unwrap_or(&what);
                crash(format!("the function trapped: {what}"), format!("{error:?}"))
            }
        },
        None => crash(format!("the function trapped: {error}"), format!("{error:?}")),
    }
}

pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        _ if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes >= 1 << 10 => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}
