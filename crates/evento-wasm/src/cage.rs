//! What an instance may have: so much memory, and in development a line to the log. Nothing else reaches it.

use wasmtime::{Error, ResourceLimiter, Result};

use crate::load::Log;

/// The data of a store: what limits it, and how much it has.
pub(crate) struct Cage {
    /// Bytes over all its memories.
    memory_max: usize,
    memory: usize,
    pub(crate) log: Option<Log>,
}

/// Elements of a table.
const TABLE_MAX: usize = 100_000;

/// More memory was asked for than there may be.
#[derive(Debug, thiserror::Error)]
#[error("{asked} bytes of memory were asked for, and {allowed} are allowed")]
pub(crate) struct OverMemory {
    pub(crate) asked: usize,
    pub(crate) allowed: usize,
}

impl Cage {
    pub(crate) fn new(memory_max: usize, log: Option<Log>) -> Cage {
        Cage { memory_max, memory: 0, log }
    }
}

/// Growing that fails ends the call: what a function does with a refused growth may not become a result.
impl ResourceLimiter for Cage {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let asked = self.memory.saturating_add(desired.saturating_sub(current));
        let own = maximum.is_some_and(|maximum| desired > maximum);
        if asked > self.memory_max || own {
            let allowed = if own { maximum.unwrap_or_default() } else { self.memory_max };
            return Err(OverMemory { asked, allowed }.into());
        }
        self.memory = asked;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        Err(error)
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        if desired > maximum.unwrap_or(TABLE_MAX).min(TABLE_MAX) {
            return Err(Error::msg(format!("a table of {desired} elements was asked for")));
        }
        Ok(true)
    }

    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        Err(error)
    }

    // The pool bounds these; a component has many.
    fn instances(&self) -> usize {
        10_000
    }

    fn tables(&self) -> usize {
        10_000
    }

    fn memories(&self) -> usize {
        10_000
    }
}
