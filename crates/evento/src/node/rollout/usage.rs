//! What the log holds of a type, counted for the checks of a change and for people.

use evento_log::embedded::EmbeddedLog;
use evento_model::{EntityTypeId, FullName, TopicKind};
use evento_schema::registry::Usage;

/// Records counted at most when a person is told how many there are.
const COUNTED_MAX: u64 = 100_000;

/// What the log holds, counted when somebody asks.
pub struct LogUsage<'a>(pub &'a EmbeddedLog);

impl Usage for LogUsage<'_> {
    fn instances(&self, entity: EntityTypeId) -> u64 {
        let (mut count, mut after) = (0, None);
        while let Ok(rows) = self.0.instances(entity, after.take(), 10_000) {
            count += rows.len() as u64;
            let Some(last) = rows.last().filter(|_| rows.len() == 10_000 && count < COUNTED_MAX) else { break };
            after = Some((last.partition, last.id.clone()));
        }
        count
    }

    fn records(&self, entity: EntityTypeId, topic: TopicKind, name: &FullName) -> u64 {
        let (mut found, mut seen, mut partition) = (0, 0, 0);
        let mut from = 0;
        // As many partitions as there are: the first that is empty at its beginning may be followed by others.
        while partition < 1_024 && seen < COUNTED_MAX {
            let end = self.0.end_offset(entity, topic, partition);
            if from >= end {
                partition += 1;
                from = 0;
                continue;
            }
            let names: Vec<(u64, FullName)> = match topic {
                TopicKind::Commands => self
                    .0
                    .read_commands(entity, partition, from, 1 << 20)
                    .unwrap_or_default()
                    .into_iter()
                    .map(|c| (c.position.offset, c.record.type_name))
                    .collect(),
                TopicKind::Events => self
                    .0
                    .read_events(entity, partition, from, 1 << 20)
                    .unwrap_or_default()
                    .into_iter()
                    .map(|e| (e.position.offset, e.record.type_name))
                    .collect(),
            };
            let Some((last, _)) = names.last() else { break };
            from = last + 1;
            seen += names.len() as u64;
            found += names.iter().filter(|(_, found)| found == name).count() as u64;
        }
        found
    }
}
