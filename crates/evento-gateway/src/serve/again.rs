//! Polls a connection again at once when it woke itself.
//!
//! The HTTP library hands a body from the half that reads to the half that answers, and both are the same task: it
//! wakes itself twice a request. To the runtime that is new work, so it wakes another thread, which finds nothing.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::task::AtomicWaker;

/// Polls in a row at most; then others have their turn.
const POLLS_MAX: usize = 4;

const RESTING: u8 = 0;
const POLLED: u8 = 1;
const WOKEN: u8 = 2;

/// The future of a connection.
pub(super) struct Again<F> {
    inner: Pin<Box<F>>,
    within: Arc<Within>,
    waker: Waker,
}

/// Whoever wakes the future comes here first.
struct Within {
    state: AtomicU8,
    outer: AtomicWaker,
}

impl<F: Future> Again<F> {
    pub(super) fn new(inner: F) -> Again<F> {
        let within = Arc::new(Within { state: AtomicU8::new(RESTING), outer: AtomicWaker::new() });
        Again { inner: Box::pin(inner), waker: Waker::from(within.clone()), within }
    }
}

impl<F: Future> Future for Again<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Again { inner, within, waker } = &mut *self;
        within.outer.register(context.waker());
        for _ in 0..POLLS_MAX {
            within.state.store(POLLED, Ordering::SeqCst);
            if let Poll::Ready(output) = inner.as_mut().poll(&mut Context::from_waker(waker)) {
                return Poll::Ready(output);
            }
            if within.state.compare_exchange(POLLED, RESTING, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                return Poll::Pending;
            }
        }
        within.state.store(RESTING, Ordering::SeqCst);
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Wake for Within {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.compare_exchange(POLLED, WOKEN, Ordering::SeqCst, Ordering::SeqCst) == Err(RESTING) {
            self.outer.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A future that wakes itself so many times before it waits, and shows its waker.
    fn waking(times: usize, shown: Arc<std::sync::Mutex<Option<Waker>>>) -> impl Future<Output = ()> {
        let mut polls = 0;
        std::future::poll_fn(move |context| {
            *shown.lock().expect("no other thread panics") = Some(context.waker().clone());
            polls += 1;
            if polls <= times {
                context.waker().wake_by_ref();
            }
            if polls > times + 1 { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    #[test]
    fn who_wakes_itself_is_polled_again_and_nobody_is_woken() {
        let (outer, shown) = (Arc::new(Counted::default()), Arc::default());
        let waker = Waker::from(outer.clone());
        let mut again = std::pin::pin!(Again::new(waking(2, Arc::clone(&shown))));
        assert!(again.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(outer.0.load(Ordering::SeqCst), 0);
        shown.lock().expect("no other thread panics").take().expect("it was polled").wake();
        assert_eq!(outer.0.load(Ordering::SeqCst), 1);
        assert!(again.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
    }

    #[test]
    fn who_never_stops_waking_itself_gives_others_their_turn() {
        let outer = Arc::new(Counted::default());
        let waker = Waker::from(outer.clone());
        let mut again = std::pin::pin!(Again::new(waking(usize::MAX - 1, Arc::default())));
        assert!(again.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(outer.0.load(Ordering::SeqCst), 1);
    }
}
