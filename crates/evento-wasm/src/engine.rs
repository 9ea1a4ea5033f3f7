//! The engine all functions of a node share: how code is compiled, how much there may be, and the clock that ends it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::cache::Cache;
use crate::load::Refusal;

/// How often running code is asked whether its time is over.
pub(crate) const TICK: Duration = Duration::from_millis(10);
/// Stack of a call, in bytes.
const STACK_BYTES: usize = 512 << 10;
/// Requests that run at once, over all functions. Those that are not quick have a thread of their own meanwhile.
const RUNNING_MAX: usize = 128;
/// Instances kept for later requests, over all functions.
const KEPT_MAX: usize = 256;
/// Linear memories that exist at once: those of running requests, those kept, those of files being tried out. They are
/// address space (4 GiB each), not memory.
const MEMORIES_MAX: u32 = 512;
/// Largest memory that a resource may ask for, in bytes.
pub(crate) const MEMORY_BYTES_MAX: u64 = 1 << 30;
/// Bytes of a memory that are zeroed by hand when its instance is gone, rather than given back to the system: a
/// system call costs as much as clearing this. To ask the system which pages were written (`PAGEMAP_SCAN`) costs more.
const KEPT_BYTES: usize = 256 << 10;
/// A Python component is linked from about forty modules and one large table.
const CORE_INSTANCES_PER_COMPONENT: u32 = 256;
const TABLE_ELEMENTS: usize = 100_000;
const INSTANCE_BYTES: usize = 4 << 20;

/// What runs functions. Clones share it.
#[derive(Clone)]
pub struct Host(Arc<Shared>);

struct Shared {
    engine: Engine,
    cache: Option<Cache>,
    running: Arc<Semaphore>,
    kept: Arc<Semaphore>,
    clock: Arc<Clock>,
}

/// Moves the engine's epoch while anything runs.
pub(crate) struct Clock {
    running: AtomicUsize,
    thread: Thread,
}

/// Something runs until this is dropped.
pub(crate) struct Running(Arc<Clock>);

impl Host {
    /// An engine; `cache` is where compiled code is kept, if anywhere.
    pub fn new(cache: Option<PathBuf>) -> Result<Host, Refusal> {
        let refused = |error: wasmtime::Error| {
            Refusal::new(2306, format!("the WASM engine does not start on this machine: {error:#}"), None)
        };
        let engine = Engine::new(&config()).map_err(refused)?;
        let clock = Clock::start(&engine)
            .map_err(|error| Refusal::new(2306, format!("no thread for the WASM engine's clock: {error}"), None))?;
        let cache = cache.map(|folder| Cache::new(folder, &engine));
        let places = |count: usize| Arc::new(Semaphore::new(count));
        let (running, kept) = (places(RUNNING_MAX), places(KEPT_MAX));
        Ok(Host(Arc::new(Shared { engine, cache, running, kept, clock })))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn cache(&self) -> Option<&Cache> {
        self.0.cache.as_ref()
    }

    pub(crate) fn running(&self) -> &Arc<Semaphore> {
        &self.0.running
    }

    /// Places for instances that are kept.
    pub(crate) fn kept(&self) -> &Arc<Semaphore> {
        &self.0.kept
    }

    /// The clock ticks until the answer is dropped.
    pub(crate) fn runs(&self) -> Running {
        let clock = self.0.clock.clone();
        if clock.running.fetch_add(1, Ordering::AcqRel) == 0 {
            clock.thread.unpark();
        }
        Running(clock)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Ticks until a moment, and one for the tick that has begun.
pub(crate) fn ticks_until(until: Instant) -> u64 {
    let left = until.saturating_duration_since(Instant::now());
    left.as_millis().div_ceil(TICK.as_millis()) as u64 + 1
}

impl Clock {
    /// A thread that sleeps while nothing runs, and ends with the engine.
    fn start(engine: &Engine) -> std::io::Result<Arc<Clock>> {
        let (sender, receiver) = std::sync::mpsc::sync_channel::<std::sync::Weak<Clock>>(1);
        let weak_engine = engine.weak();
        let thread = std::thread::Builder::new().name("evento-wasm-clock".to_owned()).spawn(move || {
            let Ok(clock) = receiver.recv() else { return };
            loop {
                let Some(running) = clock.upgrade().map(|clock| clock.running.load(Ordering::Acquire)) else { return };
                if running == 0 {
                    // The timeout is only for noticing that the engine is gone.
                    std::thread::park_timeout(Duration::from_secs(1));
                    continue;
                }
                std::thread::sleep(TICK);
                let Some(engine) = weak_engine.upgrade() else { return };
                engine.increment_epoch();
            }
        })?;
        let clock = Arc::new(Clock { running: AtomicUsize::new(0), thread: thread.thread().clone() });
        // The thread waits for exactly this one message.
        let _ = sender.send(Arc::downgrade(&clock));
        Ok(clock)
    }
}

/// The settings of function-protocol 12.3. Whatever could make two runs of the same request differ is off.
fn config() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(MEMORIES_MAX)
        .max_memory_size(MEMORY_BYTES_MAX as usize)
        .linear_memory_keep_resident(KEPT_BYTES)
        .total_core_instances(MEMORIES_MAX * 32)
        .max_core_instance_size(INSTANCE_BYTES)
        .total_tables(MEMORIES_MAX * 4)
        .table_elements(TABLE_ELEMENTS)
        .table_keep_resident(16 << 10)
        .max_tables_per_module(4)
        .total_component_instances(MEMORIES_MAX)
        .max_component_instance_size(INSTANCE_BYTES)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(8)
        .max_tables_per_component(16);
    let mut config = Config::new();
    config
        .cranelift_nan_canonicalization(true)
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}
