//! The gate before every command: closed while the log is judged, closed for good at the end.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

#[derive(Default)]
struct Doors {
    open: bool,
    for_good: bool,
    inside: usize,
}

/// Lets clients in one command at a time.
#[derive(Default)]
pub(super) struct Gate {
    doors: Mutex<Doors>,
    changed: Condvar,
}

impl Gate {
    /// Waits until it is open; `false` when it is closed for good.
    pub(super) fn enter(&self) -> bool {
        let mut doors = self.doors.lock();
        while !doors.open && !doors.for_good {
            self.changed.wait(&mut doors);
        }
        doors.inside += usize::from(!doors.for_good);
        !doors.for_good
    }

    /// A command is over.
    pub(super) fn leave(&self) {
        self.doors.lock().inside -= 1;
        self.changed.notify_all();
    }

    /// Opens it.
    pub(super) fn open(&self) {
        self.doors.lock().open = true;
        self.changed.notify_all();
    }

    /// Closes it and waits until nobody is inside; whether that came to be in time.
    pub(super) fn close(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        let mut doors = self.doors.lock();
        doors.open = false;
        while doors.inside > 0 && !self.changed.wait_until(&mut doors, until).timed_out() {}
        doors.inside == 0
    }

    /// Nobody enters any more.
    pub(super) fn close_for_good(&self) {
        self.doors.lock().for_good = true;
        self.changed.notify_all();
    }

    /// Whether nobody enters any more.
    pub(super) fn closed_for_good(&self) -> bool {
        self.doors.lock().for_good
    }
}
