//! The metrics of this process, in the Prometheus text format (version 0.0.4). Each part of the node has its own
//! function; names are those of the page on operation.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use super::NodeApi;

/// One value without labels.
fn one(value: f64) -> [(String, f64); 1] {
    [(String::new(), value)]
}

struct Families<'a>(&'a mut String);

impl Families<'_> {
    fn put(&mut self, name: &str, kind: &str, help: &str, rows: &[(String, f64)]) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in rows {
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }

    fn counter(&mut self, name: &str, help: &str, value: f64) {
        self.put(name, "counter", help, &one(value));
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.put(name, "gauge", help, &one(value));
    }
}

impl NodeApi {
    pub(super) fn write_metrics(&self, out: &mut String) {
        let mut families = Families(out);
        let version = format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
        families.put("evento_build_info", "gauge", "The running program.", &[(version, 1.0)]);
        self.commands(&mut families);
        self.log_figures(&mut families);
        self.scrub_figures(&mut families);
        self.functions_up(&mut families);
        self.kafka_figures(&mut families);
    }

    fn commands(&self, families: &mut Families<'_>) {
        let catalog = self.rollout.catalog();
        let mut rows: Vec<(String, f64)> = self
            .counts
            .lock()
            .iter()
            .filter_map(|((entity, command, outcome), count)| {
                let entity = catalog.entity(*entity)?.name.clone();
                let outcome = outcome.as_str();
                Some((format!("{{entity=\"{entity}\",command=\"{command}\",outcome=\"{outcome}\"}}"), *count as f64))
            })
            .collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        families.put("evento_commands_total", "counter", "Commands that ended.", &rows);
    }

    fn log_figures(&self, families: &mut Families<'_>) {
        let stats = self.log.stats();
        families.counter("evento_log_syncs_total", "Syncs of the commit log.", stats.syncs as f64);
        let seconds = stats.sync_nanos as f64 / 1e9;
        families.counter("evento_log_sync_seconds_total", "Time spent writing and syncing it.", seconds);
        families.counter("evento_log_units_total", "Commit units made durable.", stats.units as f64);
        families.counter("evento_log_frame_bytes_total", "Bytes of commit frames.", stats.frame_bytes as f64);
        families.gauge("evento_log_topic_bytes", "Bytes of all topics.", stats.topic_bytes as f64);
        families.counter("evento_log_checkpoints_total", "Checkpoints made.", stats.checkpoints as f64);
    }

    fn scrub_figures(&self, families: &mut Families<'_>) {
        let value = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64;
        let scrub = &self.scrub;
        families.counter("evento_scrub_bytes_total", "Stored bytes the scrub looked at.", value(&scrub.bytes));
        families.counter("evento_scrub_files_total", "Files it saw to their end.", value(&scrub.files));
        families.counter("evento_scrub_passes_total", "Times it saw everything.", value(&scrub.passes));
        families.counter("evento_scrub_damaged_total", "Damage it found.", value(&scrub.damaged));
        let ended = value(&scrub.ended_at) / 1e3;
        families.gauge("evento_scrub_last_pass_timestamp_seconds", "When it last had seen everything.", ended);
    }

    fn functions_up(&self, families: &mut Families<'_>) {
        let up: Vec<(String, f64)> = self
            .rollout
            .registry()
            .functions()
            .map(|(stored, _)| {
                let name = &stored.resource.name;
                let up = self.functions.of(name).state().word == "ready";
                (format!("{{function=\"{name}\"}}"), f64::from(u8::from(up)))
            })
            .collect();
        families.put("evento_function_up", "gauge", "Whether a function is ready.", &up);
    }

    fn kafka_figures(&self, families: &mut Families<'_>) {
        let Some(broker) = self.kafka.get() else { return };
        let requests: Vec<(String, f64)> =
            broker.requests().into_iter().map(|(api, count)| (format!("{{api=\"{api}\"}}"), count as f64)).collect();
        families.gauge("evento_kafka_connections", "Open connections.", broker.connections() as f64);
        families.put("evento_kafka_requests_total", "counter", "Requests of Kafka clients.", &requests);
        let throttled: Vec<(String, f64)> = broker
            .throttled()
            .into_iter()
            .map(|(api, reason, count)| (format!("{{api=\"{api}\",reason=\"{reason}\"}}"), count as f64))
            .collect();
        let help = "Answers that told a client to wait.";
        families.put("evento_kafka_throttled_total", "counter", help, &throttled);
        let refused = broker.refused_total() as f64;
        families.counter("evento_refused_batches_total", "Batches with records that are no commands.", refused);
    }
}
