//! Limits the engine keeps. The binary fills them in from its configuration.

/// Every bound of the command path.
#[derive(Clone, Debug)]
pub struct Config {
    /// Unfinished commands of one instance; more are refused with EV6010.
    pub instance_commands_max: usize,
    /// Unfinished commands altogether; more are refused with EV6010.
    pub commands_max: usize,
    /// Bytes of unfinished commands altogether; more are refused with EV6010.
    pub commands_bytes_max: usize,
    /// Bytes of states of idle instances kept in memory.
    pub cache_bytes_max: usize,
    /// Works in one request to a function.
    pub works_max: usize,
    /// Steps in one request to a function.
    pub steps_max: usize,
    /// Commands of one instance chained in one work.
    pub chain_max: usize,
    /// Payload and state bytes at which a request takes no further work.
    pub batch_bytes_target: usize,
    /// Bytes of one event's payload.
    pub event_bytes_max: usize,
    /// Bytes of a state.
    pub state_bytes_max: usize,
    /// Events of one command.
    pub events_max: usize,
    /// Failures in a row, without a valid answer, that declare an outage.
    pub outage_failures: u32,
    /// Wait between two probes of a function that is down, in milliseconds.
    pub probe_ms: u64,
    /// Parked commands released per second after a new revision.
    pub release_per_second: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            instance_commands_max: 1_000,
            commands_max: 100_000,
            commands_bytes_max: 256 << 20,
            cache_bytes_max: 256 << 20,
            works_max: 512,
            steps_max: 5_000,
            chain_max: 256,
            batch_bytes_target: 256 << 10,
            event_bytes_max: 1 << 20,
            state_bytes_max: 4 << 20,
            events_max: 100,
            outage_failures: 5,
            probe_ms: 1_000,
            release_per_second: 100,
        }
    }
}
