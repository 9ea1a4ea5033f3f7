//! Who waits at the end of which partition. One task follows the log and wakes only those whose partitions grew.
//!
//! A reader registers, looks once more, and then sleeps: what comes in between wakes it.

use std::sync::Arc;

use evento_log::embedded::EmbeddedLog;
use evento_model::{EntityTypeId, Offset, TopicKind};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::Notify;

/// A partition of the log.
pub(crate) type Place = (EntityTypeId, TopicKind, u32);

/// The registered readers. Bound: the connections, times the partitions of one request.
#[derive(Clone, Default)]
pub(crate) struct Tails(Arc<Mutex<FxHashMap<Place, Waited>>>);

#[derive(Default)]
struct Waited {
    /// The end that all of these readers know of.
    end: Offset,
    readers: Vec<Arc<Notify>>,
}

/// A registered reader; dropping it ends the registration.
pub(crate) struct Reader {
    tails: Tails,
    places: Vec<Place>,
    woken: Arc<Notify>,
}

impl Tails {
    /// Starts the task that follows a log; it ends with the log.
    pub(crate) fn follow(log: &EmbeddedLog) -> Tails {
        let tails = Tails::default();
        let (followed, log) = (tails.clone(), log.clone());
        let mut durable = log.watch();
        tokio::spawn(async move {
            while durable.changed().await.is_ok() {
                durable.mark_unchanged();
                followed.wake(|(entity, kind, partition)| log.end_offset(entity, kind, partition));
            }
        });
        tails
    }

    /// Registers a reader at the ends of these partitions.
    pub(crate) fn register(&self, places: Vec<Place>, log: &EmbeddedLog) -> Reader {
        let woken = Arc::new(Notify::new());
        let mut waited = self.0.lock();
        for place in &places {
            let at = waited.entry(*place).or_default();
            if at.readers.is_empty() {
                at.end = log.end_offset(place.0, place.1, place.2);
            }
            at.readers.push(woken.clone());
        }
        drop(waited);
        Reader { tails: self.clone(), places, woken }
    }

    fn wake(&self, end: impl Fn(Place) -> Offset) {
        for (place, waited) in self.0.lock().iter_mut() {
            let now = end(*place);
            if now > waited.end {
                waited.end = now;
                waited.readers.iter().for_each(|reader| reader.notify_one());
            }
        }
    }
}

impl Reader {
    /// Returns when one of the partitions has grown since the registration or the last call.
    pub(crate) async fn grown(&self) {
        self.woken.notified().await;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut waited = self.tails.0.lock();
        for place in &self.places {
            if let Some(at) = waited.get_mut(place) {
                at.readers.retain(|reader| !Arc::ptr_eq(reader, &self.woken));
                if at.readers.is_empty() {
                    waited.remove(place);
                }
            }
        }
    }
}
