//! The exit codes of the program: a contract with scripts, one table.

/// How the program ends. The number is what the shell sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Any other failure, also a fault of Evento.
    Failed = 1,
    /// Wrong usage: unknown words, missing arguments, a body that does not fit its schema.
    Usage = 2,
    /// What was named does not exist.
    NotFound = 3,
    /// The command was rejected by the business.
    Rejected = 4,
    /// A precondition was not met, or the idempotency key was used with another payload.
    Conflict = 5,
    /// The command was not finished when the wait ended: queued, waiting, retrying or parked.
    Unfinished = 6,
    /// No connection, or still refused for overload after the client's own retries.
    Unavailable = 7,
    /// Not authenticated or not permitted.
    Denied = 8,
    /// A check failed or differences exist.
    Differs = 9,
    /// The command was abandoned by an operator.
    Abandoned = 10,
    /// The data directory is in use by another process.
    InUse = 75,
}

/// Every exit code with its meaning, for help and the reference page.
pub const TABLE: &[(Exit, &str)] = &[
    (Exit::Done, "done"),
    (Exit::Failed, "other failure, also a fault of Evento"),
    (Exit::Usage, "wrong usage, or a command body that does not fit its schema"),
    (Exit::NotFound, "not found"),
    (Exit::Rejected, "the command was rejected"),
    (Exit::Conflict, "conflict: --if-seq not met, or the idempotency key was used with another payload"),
    (Exit::Unfinished, "not finished when the wait ended: queued, waiting, retrying or parked"),
    (Exit::Unavailable, "cannot connect, or overloaded after the client's own retries"),
    (Exit::Denied, "not authenticated or not permitted"),
    (Exit::Differs, "a check failed or differences exist"),
    (Exit::Abandoned, "the command was abandoned"),
    (Exit::InUse, "the data directory is in use by another process"),
];

impl Exit {
    /// The number the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The exit code of a refusal: by its error code where that decides, else by its HTTP status.
    pub fn of(code: Option<u16>, status: u16) -> Exit {
        match (code, status) {
            (Some(1021), 409) => Exit::Conflict,
            (Some(1001 | 1020 | 1021), _) => Exit::NotFound,
            (Some(1010 | 1011), _) => Exit::Conflict,
            (Some(2003), 400 | 404) | (Some(7002 | 7003), _) => Exit::Usage,
            (Some(2401 | 2402 | 7005), _) => Exit::Conflict,
            (Some(2001..=2399), _) => Exit::Differs,
            (Some(6001 | 6002), _) | (_, 401 | 403) => Exit::Denied,
            (Some(7001 | 7006), _) | (_, 429 | 503) => Exit::Unavailable,
            (Some(7004), _) => Exit::InUse,
            (_, 404) => Exit::NotFound,
            (_, 409 | 412 | 422) => Exit::Conflict,
            (_, 400 | 413 | 415) => Exit::Usage,
            _ => Exit::Failed,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> std::process::ExitCode {
        std::process::ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::{Exit, TABLE};

    #[test]
    fn a_refusal_ends_with_the_documented_number() {
        for (code, status, number) in [
            (Some(1001), 404, 3),
            (Some(1002), 400, 2),
            (Some(1003), 400, 2),
            (Some(1005), 413, 2),
            (Some(1010), 422, 5),
            (Some(1011), 412, 5),
            (Some(1020), 404, 3),
            (Some(2003), 404, 2),
            (Some(2003), 400, 2),
            (Some(1021), 409, 5),
            (Some(2104), 422, 9),
            (Some(2401), 409, 5),
            (Some(4004), 503, 7),
            (Some(4005), 507, 1),
            (Some(6002), 403, 8),
            (Some(6010), 503, 7),
            (Some(7001), 0, 7),
            (Some(7004), 0, 75),
            (None, 500, 1),
            (None, 404, 3),
        ] {
            assert_eq!(Exit::of(code, status).code(), number, "{code:?} {status}");
        }
    }

    #[test]
    fn every_number_is_listed_once() {
        let mut numbers: Vec<u8> = TABLE.iter().map(|(exit, _)| exit.code()).collect();
        numbers.dedup();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 75]);
    }
    #[test]
    fn the_page_on_the_command_line_has_the_same_table() {
        let page = include_str!("../../../../docs/command-line.md");
        for (exit, meaning) in TABLE {
            let row = format!("| {} | {meaning} |", exit.code());
            assert!(page.contains(&row), "{row}");
        }
    }
}
