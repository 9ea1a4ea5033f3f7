//! The function as a WebAssembly module: the exports of function-protocol 12.1, without a server.
//!
//! [`export!`](crate::export) makes the exports; what they do is here, in safe code. Build with
//! `--no-default-features`, so that hyper and tokio stay out, for `wasm32-unknown-unknown`. A panic ends the call;
//! what it said is kept in the module's memory, where Evento reads it.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use crate::function::Function;

/// The version of the ABI.
pub const ABI_VERSION: i32 = 1;

/// What Evento writes and reads by its address. A module runs on one thread, so nobody ever waits for a lock.
static REQUEST: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static WORDS: Mutex<String> = Mutex::new(String::new());

fn lock<T>(place: &Mutex<T>) -> MutexGuard<'_, T> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The address of a new buffer for a request, or 0 when there is no memory for it.
pub fn alloc(length: i32) -> i32 {
    let mut request = Vec::new();
    let Ok(length) = usize::try_from(length) else { return 0 };
    // An empty buffer has no address.
    if request.try_reserve_exact(length.max(1)).is_err() {
        return 0;
    }
    request.resize(length, 0);
    let address = request.as_ptr() as usize as i32;
    *lock(&REQUEST) = request;
    address
}

/// Answers the request that was written into the newest buffer; 0 when the pointer is not that buffer's or the
/// request cannot be read.
pub fn run(function: &dyn Function, pointer: i32, length: i32) -> i64 {
    listen_to_panics();
    let request = lock(&REQUEST);
    if request.as_ptr() as usize as i32 != pointer || request.len() != length as usize {
        return 0;
    }
    match crate::run::run(function, &request) {
        Ok(answer) => give(answer),
        Err(_) => 0,
    }
}

/// The manifest as JSON.
pub fn manifest(function: &dyn Function) -> i64 {
    give(crate::manifest::document(function, function.entity(), &["run"]).to_string().into_bytes())
}

/// What the last panic said; nothing when there was none.
pub fn last_words() -> i64 {
    let words = lock(&WORDS);
    packed(words.as_ptr() as usize, words.len())
}

/// Keeps an answer until the next call and says where it is.
fn give(answer: Vec<u8>) -> i64 {
    let place = packed(answer.as_ptr() as usize, answer.len());
    *lock(&ANSWER) = answer;
    place
}

fn packed(address: usize, length: usize) -> i64 {
    ((address as u64) << 32 | length as u64) as i64
}

/// A panic in a module has nowhere to be printed; elsewhere it has.
fn listen_to_panics() {
    static ONCE: Once = Once::new();
    if !cfg!(target_arch = "wasm32") {
        return;
    }
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(|place| format!(" ({place})")).unwrap_or_default();
            *lock(&WORDS) = format!("{}{place}", panic.payload_as_str().unwrap_or("without a word"));
        }));
    });
}

/// Makes a WebAssembly function of a host: the exports that Evento calls.
///
/// Only for `wasm32`; elsewhere it is nothing, so it may stand beside `serve`.
///
/// ```
/// # use evento_sdk::{ApplyContext, Context, Events, Failure, one};
/// # evento_sdk::record! {
/// #     pub struct Light("test.Light") { on: bool }
/// #     pub struct Switch("test.Switch") {}
/// #     pub struct Switched("test.Switched") { on: bool }
/// # }
/// # evento_sdk::entity! {
/// #     pub trait LightFunction, host LightHost, for Light, state version 1;
/// #     handle { switch: Switch => SwitchResult { Switched } }
/// #     apply { on_switched: Switched }
/// #     rejections {}
/// # }
/// struct Lights;
/// # impl LightFunction for Lights {
/// #     fn switch(&self, _: Switch, l: Option<&Light>, _: &Context) -> Result<Events<SwitchResult>, Failure> {
/// #         one(Switched { on: !l.is_some_and(|l| l.on) })
/// #     }
/// #     fn on_switched(&self, e: Switched, _: Option<Light>, _: &ApplyContext) -> Option<Light> {
/// #         Some(Light { on: e.on })
/// #     }
/// # }
/// evento_sdk::export!(LightHost(Lights));
/// ```
#[macro_export]
macro_rules! export {
    ($function:expr) => {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the names of exports are the protocol's; the code behind them is safe")]
        const _: () = {
            #[unsafe(no_mangle)]
            extern "C" fn evento_abi_version() -> i32 {
                $crate::wasm::ABI_VERSION
            }
            #[unsafe(no_mangle)]
            extern "C" fn evento_alloc(length: i32) -> i32 {
                $crate::wasm::alloc(length)
            }
            #[unsafe(no_mangle)]
            extern "C" fn evento_run(pointer: i32, length: i32) -> i64 {
                $crate::wasm::run(&$function, pointer, length)
            }
            #[unsafe(no_mangle)]
            extern "C" fn evento_manifest() -> i64 {
                $crate::wasm::manifest(&$function)
            }
            #[unsafe(no_mangle)]
            extern "C" fn evento_last_words() -> i64 {
                $crate::wasm::last_words()
            }
        };
    };
}

#[cfg(test)]
mod tests {
    use super::{alloc, run};
    use crate::{ApplyContext, Context, Encoded, Failure, Function};

    struct Nothing;

    impl Function for Nothing {
        fn entity(&self) -> &'static str {
            "test.Nothing"
        }
        fn manifest(&self) -> serde_json::Value {
            serde_json::json!({})
        }
        fn applies(&self, _: &str) -> bool {
            false
        }
        fn handle(&self, _: &str, _: &[u8], _: Option<&[u8]>, _: &Context) -> Result<Vec<Encoded>, Failure> {
            Err(Failure::retry("nothing"))
        }
        fn apply(&self, _: &str, _: &[u8], _: Option<&[u8]>, _: &ApplyContext) -> Result<Option<Vec<u8>>, Failure> {
            Err(Failure::retry("nothing"))
        }
    }

    #[test]
    fn a_pointer_that_was_not_given_out_is_answered_with_nothing() {
        assert_eq!(alloc(-1), 0, "no length");
        let pointer = alloc(16);
        assert_ne!(pointer, 0);
        assert_eq!(run(&Nothing, pointer.wrapping_add(1), 16), 0);
        assert_eq!(run(&Nothing, pointer, 15), 0);
        assert_eq!(run(&Nothing, pointer, 16), 0, "sixteen zeros are no request");
    }
}
