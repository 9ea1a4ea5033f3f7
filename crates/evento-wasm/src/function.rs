//! One call: a fresh instance (or a kept one), the request in, the answer out, judged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use evento_function::envelope::{read_response, write_request};
use evento_function::{Failure, FailureClass, RunRequest, RunResponse};
use wasmtime::Store;

use crate::cage::Cage;
use crate::component::{ComponentForm, ComponentInstance};
use crate::engine::{Host, ticks_until};
use crate::failure::{contract, crash, judge, late};
use crate::load::{Refusal, Settings};
use crate::module::{CoreForm, CoreInstance};

/// A call that takes less is not worth a thread.
const QUICK: Duration = Duration::from_millis(1);
/// Longest that a call may keep the thread that makes it, before it is called anew on another.
const INLINE: Duration = Duration::from_millis(10);
/// Requests that a kept instance serves.
const USES_MAX: u32 = 1_000;
/// Instances kept between requests, for each function with `reuse`.
const KEPT_MAX: usize = 8;

/// A function in process. Clones share it.
#[derive(Clone)]
pub struct WasmFunction(Arc<Shared>);

struct Shared {
    host: Host,
    code: Code,
    settings: Settings,
    /// Bound: `KEPT_MAX`.
    kept: std::sync::Mutex<Vec<Kept>>,
    /// Whether the last call took less than [`QUICK`].
    quick: AtomicBool,
}

/// Linked code.
pub(crate) enum Code {
    Core(CoreForm),
    Component(ComponentForm),
}

pub(crate) enum Instance {
    /// Boxed because it is far larger than the other.
    Core(Box<CoreInstance>),
    Component(ComponentInstance),
}

struct Kept {
    instance: Instance,
    uses: u32,
}

/// A call without an answer.
pub(crate) enum CallError {
    /// The engine ended it; with what the function said before.
    Engine(wasmtime::Error, Option<String>),
    /// It is judged already.
    Judged(Failure),
    /// The function may not run at all.
    Refused(Refusal),
}

impl From<wasmtime::Error> for CallError {
    fn from(error: wasmtime::Error) -> CallError {
        CallError::Engine(error, None)
    }
}

impl Code {
    pub(crate) fn instantiate(&self, store: Store<Cage>) -> wasmtime::Result<Instance> {
        match self {
            Code::Core(form) => form.instantiate(store).map(|instance| Instance::Core(Box::new(instance))),
            Code::Component(form) => form.instantiate(store).map(Instance::Component),
        }
    }
}

impl Instance {
    fn deadline(&mut self, ticks: u64) {
        match self {
            Instance::Core(instance) => instance.deadline(ticks),
            Instance::Component(instance) => instance.deadline(ticks),
        }
    }

    fn call(&mut self, request: &[u8]) -> Result<Bytes, CallError> {
        match self {
            Instance::Core(instance) => instance.call(request),
            Instance::Component(instance) => instance.call(request),
        }
    }

    /// A component's world is its version.
    pub(crate) fn check_version(&mut self) -> Result<(), CallError> {
        match self {
            Instance::Core(instance) => instance.check_version(),
            Instance::Component(_) => Ok(()),
        }
    }

    pub(crate) fn manifest(&mut self, bytes_max: usize) -> Result<Option<Vec<u8>>, CallError> {
        match self {
            Instance::Core(instance) => instance.manifest(bytes_max),
            Instance::Component(instance) => instance.manifest(bytes_max),
        }
    }
}

impl WasmFunction {
    pub(crate) fn new(host: Host, code: Code, settings: Settings) -> WasmFunction {
        WasmFunction(Arc::new(Shared {
            host,
            code,
            settings,
            kept: std::sync::Mutex::default(),
            quick: AtomicBool::new(false),
        }))
    }

    /// One call, read and checked.
    pub async fn run(&self, request: &RunRequest, timeout: Duration) -> Result<RunResponse, Failure> {
        let answer = self.exchange(write_request(request), timeout).await?;
        read_response(&answer, request).map_err(|error| contract("the answer is no RunResponse", error.to_string()))
    }

    /// One call, as bytes; it ends at most two ticks (20 ms) after the deadline, also when nobody waits for it any more.
    ///
    /// A function that was quick the last time runs where it is called: handing over to another thread and back would
    /// take longer than it does. If it is not quick this time, it is stopped after [`INLINE`] and called anew, as is
    /// everything else, on a thread of its own, so that a function that loops keeps nobody else from running. It is
    /// pure, so the first attempt is as if it had not been.
    pub async fn exchange(&self, request: Bytes, timeout: Duration) -> Result<Bytes, Failure> {
        let until = Instant::now() + timeout;
        let permit = tokio::time::timeout(timeout, self.0.host.running().clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(late(timeout)) };
        let inline = Instant::now() + INLINE;
        if self.0.quick.load(Ordering::Relaxed) && inline < until {
            let answer = self.0.timed(&request, inline, timeout);
            if !matches!(&answer, Err(failure) if failure.class == FailureClass::Timeout) {
                return answer;
            }
        }
        let shared = self.0.clone();
        let running = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            shared.timed(&request, until, timeout)
        });
        running.await.unwrap_or_else(|error| Err(crash("the call broke off", error.to_string())))
    }

    /// Whether instances are kept, and so could remember something.
    pub fn is_reused(&self) -> bool {
        self.0.settings.reuse
    }
}

impl Shared {
    /// A call after which it is known whether the function is quick.
    fn timed(&self, request: &[u8], until: Instant, timeout: Duration) -> Result<Bytes, Failure> {
        let begun = Instant::now();
        let answer = self.call(request, until, timeout);
        self.quick.store(begun.elapsed() < QUICK, Ordering::Relaxed);
        answer
    }

    fn call(&self, request: &[u8], until: Instant, timeout: Duration) -> Result<Bytes, Failure> {
        let _running = self.host.runs();
        let mut kept = self.take(until).map_err(|error| judge(&error, timeout, None))?;
        kept.instance.deadline(ticks_until(until));
        // An instance whose call failed is not used again.
        let answer = kept.instance.call(request).map_err(|error| match error {
            CallError::Engine(error, words) => judge(&error, timeout, words),
            CallError::Judged(failure) => failure,
            CallError::Refused(refusal) => Failure::new(FailureClass::Outage, refusal.code, refusal.message, ""),
        })?;
        self.put_back(kept);
        // No answer has no bytes: an array of results ends with a zero at least.
        if answer.is_empty() {
            return Err(contract("the function cannot read the request", "its answer is empty"));
        }
        Ok(answer)
    }

    fn take(&self, until: Instant) -> wasmtime::Result<Kept> {
        let kept = self.kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let store = self.host.store(&self.settings, until.saturating_duration_since(Instant::now()));
        Ok(Kept { instance: self.code.instantiate(store)?, uses: 0 })
    }

    fn put_back(&self, mut instance: Kept) {
        instance.uses += 1;
        if !self.settings.reuse || instance.uses >= USES_MAX {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if kept.len() < KEPT_MAX {
            kept.push(instance);
        }
    }
}
