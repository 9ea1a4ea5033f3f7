//! One call: a fresh instance (or one that is used again), the request in, the answer out, judged.
//!
//! Nobody waits for an instance to be made or taken apart: when the answer is there, the instance is exchanged for a
//! fresh one, which the next call finds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use evento_function::envelope::{read_response, write_request};
use evento_function::{Failure, FailureClass, RunRequest, RunResponse};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use wasmtime::Store;

use crate::cage::Cage;
use crate::component::{ComponentForm, ComponentInstance};
use crate::engine::{Host, ticks_until};
use crate::failure::{contract, crash, judge, late};
use crate::load::{Refusal, Settings};
use crate::module::{CoreForm, CoreInstance};

/// What takes less is not worth a thread.
const QUICK: Duration = Duration::from_millis(1);
/// What takes less is not worth being handed to anybody.
const INSTANT: Duration = Duration::from_micros(100);
/// Longest that a call may keep the thread that makes it, before it is called anew on another.
const INLINE: Duration = Duration::from_millis(10);
/// Requests that a kept instance serves.
const USES_MAX: u32 = 1_000;
/// Instances kept between requests, for each function.
const KEPT_MAX: usize = 8;

/// A function in process. Clones share it.
#[derive(Clone)]
pub struct WasmFunction(Arc<Shared>);

struct Shared {
    host: Host,
    code: Code,
    settings: Settings,
    /// For the next calls: fresh ones, or with `reuse` those that were used. Bound: `KEPT_MAX`.
    kept: std::sync::Mutex<Vec<Kept>>,
    /// What the last call took, in microseconds.
    pace: AtomicU64,
    /// What making the last instance took, in microseconds.
    making: AtomicU64,
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

/// What a call leaves behind: dropping it exchanges the used instance for a fresh one, which takes as long as a quick
/// call. Until then the used one counts as running.
#[must_use]
pub struct Used {
    shared: Arc<Shared>,
    kept: Option<Kept>,
    _permit: OwnedSemaphorePermit,
}

struct Kept {
    instance: Instance,
    uses: u32,
    /// One of the places that all functions share; none while a call has it.
    place: Option<OwnedSemaphorePermit>,
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
            pace: AtomicU64::new(u64::MAX),
            making: AtomicU64::new(u64::MAX),
        }))
    }

    /// One call, read and checked.
    pub async fn run(&self, request: &RunRequest, timeout: Duration) -> Result<RunResponse, Failure> {
        let answer = self.exchange(write_request(request), timeout).await?;
        read(&answer, request)
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
        let Ok(Ok(mut permit)) = permit else { return Err(late(timeout)) };
        if is_below(&self.0.pace, QUICK) {
            match self.0.inline(&request, permit, timeout) {
                Ok((answer, used)) => {
                    used.later();
                    return answer;
                }
                Err(back) => permit = back,
            }
        }
        let shared = self.0.clone();
        let (sender, receiver) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let (answer, kept) = shared.timed(&request, until, timeout);
            let _ = sender.send(answer);
            drop(Used { shared, kept, _permit: permit });
        });
        receiver.await.unwrap_or_else(|_| Err(crash("the call broke off", "its thread panicked")))
    }

    /// The same, if the last call took so little time that even who must not wait may make this one; otherwise, and if
    /// it takes long this time, nothing has happened.
    pub fn run_now(&self, request: &RunRequest, timeout: Duration) -> Option<(Result<RunResponse, Failure>, Used)> {
        if !is_below(&self.0.pace, INSTANT) {
            return None;
        }
        let permit = self.0.host.running().clone().try_acquire_owned().ok()?;
        let (answer, used) = self.0.inline(&write_request(request), permit, timeout).ok()?;
        Some((answer.and_then(|answer| read(&answer, request)), used))
    }

    /// Whether instances are kept, and so could remember something.
    pub fn is_reused(&self) -> bool {
        self.0.settings.reuse
    }
}

fn read(answer: &Bytes, request: &RunRequest) -> Result<RunResponse, Failure> {
    read_response(answer, request).map_err(|error| contract("the answer is no RunResponse", error.to_string()))
}

impl Used {
    /// Drops it where nobody waits.
    pub fn later(self) {
        if self.kept.is_none() {
            return;
        }
        if is_below(&self.shared.making, QUICK) {
            tokio::spawn(async move { drop(self) });
        } else {
            tokio::task::spawn_blocking(move || drop(self));
        }
    }
}

impl Drop for Used {
    fn drop(&mut self) {
        if let Some(kept) = self.kept.take() {
            self.shared.renew(kept);
        }
    }
}

fn is_below(micros: &AtomicU64, limit: Duration) -> bool {
    u128::from(micros.load(Ordering::Relaxed)) < limit.as_micros()
}

fn note(micros: &AtomicU64, begun: Instant) {
    micros.store(begun.elapsed().as_micros() as u64, Ordering::Relaxed);
}

impl Shared {
    /// A call on the thread that asks. The permit comes back, and it is as if nothing had been, if the function is not
    /// quick.
    fn inline(
        self: &Arc<Shared>,
        request: &[u8],
        permit: OwnedSemaphorePermit,
        timeout: Duration,
    ) -> Result<(Result<Bytes, Failure>, Used), OwnedSemaphorePermit> {
        if timeout <= INLINE {
            return Err(permit);
        }
        let (answer, kept) = self.timed(request, Instant::now() + INLINE, timeout);
        if matches!(&answer, Err(failure) if failure.class == FailureClass::Timeout) {
            return Err(permit);
        }
        Ok((answer, Used { shared: self.clone(), kept, _permit: permit }))
    }

    /// A call after which it is known how quick the function is, and the instance that is to be exchanged.
    fn timed(&self, request: &[u8], until: Instant, timeout: Duration) -> (Result<Bytes, Failure>, Option<Kept>) {
        let begun = Instant::now();
        let answer = self.call(request, until, timeout);
        note(&self.pace, begun);
        match answer {
            Ok((answer, used)) => (Ok(answer), used),
            Err(failure) => (Err(failure), None),
        }
    }

    /// An instance whose call failed is not used again.
    fn call(&self, request: &[u8], until: Instant, timeout: Duration) -> Result<(Bytes, Option<Kept>), Failure> {
        let _running = self.host.runs();
        let mut kept = self.take(until).map_err(|error| judge(&error, timeout, None))?;
        kept.instance.deadline(ticks_until(until));
        let answer = kept.instance.call(request).map_err(|error| match error {
            CallError::Engine(error, words) => judge(&error, timeout, words),
            CallError::Judged(failure) => failure,
            CallError::Refused(refusal) => Failure::new(FailureClass::Outage, refusal.code, refusal.message, ""),
        })?;
        // No answer has no bytes: an array of results ends with a zero at least.
        if answer.is_empty() {
            return Err(contract("the function cannot read the request", "its answer is empty"));
        }
        kept.uses += 1;
        if self.settings.reuse && kept.uses < USES_MAX {
            self.keep(kept);
            return Ok((answer, None));
        }
        Ok((answer, Some(kept)))
    }

    fn take(&self, until: Instant) -> wasmtime::Result<Kept> {
        let kept = self.kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
        match kept {
            Some(kept) => Ok(Kept { place: None, ..kept }),
            None => self.fresh(until.saturating_duration_since(Instant::now())),
        }
    }

    fn fresh(&self, time: Duration) -> wasmtime::Result<Kept> {
        let begun = Instant::now();
        let store = self.host.store(&self.settings, time);
        let instance = self.code.instantiate(store)?;
        note(&self.making, begun);
        Ok(Kept { instance, uses: 0, place: None })
    }

    fn keep(&self, mut kept: Kept) {
        let Ok(place) = self.host.kept().clone().try_acquire_owned() else { return };
        kept.place = Some(place);
        let mut all = self.kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if all.len() < KEPT_MAX {
            all.push(kept);
        }
    }

    /// Makes a fresh instance for one that was used, unless there are enough. If that fails, the next call makes its
    /// own, and says why.
    fn renew(&self, used: Kept) {
        drop(used);
        let enough = self.kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).len() >= KEPT_MAX;
        let _running = self.host.runs();
        if !enough && let Ok(fresh) = self.fresh(INLINE) {
            self.keep(fresh);
        }
    }
}
