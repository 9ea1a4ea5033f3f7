//! The one timer of all transactions: it sleeps until the next of them is due.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::timeout;

use super::Transactions;
use crate::broker::Broker;

/// The timer looks at least this often.
const LOOK: Duration = Duration::from_secs(60);

/// Does what is due, again and again; it ends with the broker.
pub(super) async fn watch(broker: Weak<Broker>, transactions: Transactions) {
    loop {
        let wait = {
            let Some(broker) = broker.upgrade() else { return };
            broker.expire_transactions().await;
            let due = transactions.0.coordinator.lock().next_due();
            due.map_or(LOOK, |at| Duration::from_millis(at.ms_since(broker.node.now())).min(LOOK))
        };
        let _ = timeout(wait, transactions.0.timer.notified()).await;
    }
}

impl Broker {
    /// Ends what takes too long, and forgets what nobody uses.
    async fn expire_transactions(self: &Arc<Self>) {
        loop {
            let expired = self.decide(|coordinator| {
                let write = coordinator.expire(self.node.now());
                Ok(write.map(|write| self.submit(write)))
            });
            let Ok(Some(submitted)) = expired else { return };
            let id = submitted.id.clone();
            if self.settle(submitted).await.is_ok() {
                tracing::debug!(%id, "a transaction took too long, or its id was not used for a week");
            }
        }
    }
}
