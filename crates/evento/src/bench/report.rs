//! The result, as a table for people or as lines for programs.

use comfy_table::{CellAlignment, Table};
use evento_check::Verdict;
use serde_json::{Value, json};

use super::Plan;
use super::load::Run;
use super::truth::Truth;
use crate::output::Output;

/// One run, measured and checked.
pub struct Row {
    plan: Plan,
    run: Run,
    /// What the truth check found.
    pub truth: Truth,
}

impl Row {
    /// A run with its verdict.
    pub fn new(plan: &Plan, run: Run, truth: Truth) -> Row {
        Row { plan: plan.clone(), run, truth }
    }

    /// Acknowledged commands in a second.
    pub fn per_second(&self) -> f64 {
        self.run.commands as f64 / self.run.took.as_secs_f64()
    }

    /// Latency of a request at a quantile, in milliseconds.
    pub fn millis(&self, quantile: f64) -> f64 {
        self.run.latency.value_at_quantile(quantile) as f64 / 1e6
    }

    fn per_command(&self, amount: f64) -> f64 {
        if self.run.commands == 0 { 0.0 } else { amount / self.run.commands as f64 }
    }

    /// Processor time of Evento for a command, in microseconds.
    pub fn server_micros(&self) -> f64 {
        self.per_command(self.run.usage.server_cpu * 1e6)
    }

    /// Processor time of the function's processes for a command, in microseconds.
    pub fn function_micros(&self) -> f64 {
        self.per_command(self.run.usage.function_cpu * 1e6)
    }

    /// Processor time of this client for a command, in microseconds.
    pub fn client_micros(&self) -> f64 {
        self.per_command(self.run.usage.client_cpu * 1e6)
    }

    /// Cores that were busy with something else meanwhile, on average.
    pub fn others_cores(&self) -> f64 {
        self.run.usage.others_cpu() / self.run.took.as_secs_f64()
    }

    /// Answers that were neither an outcome nor an expected refusal.
    pub fn errors(&self) -> u64 {
        self.run.errors
    }

    /// The first of them.
    pub fn first_error(&self) -> Option<&str> {
        self.run.first_error.as_deref()
    }

    fn value(&self) -> Value {
        let usage = &self.run.usage;
        json!({
            "connections": self.plan.connections,
            "instances": self.plan.instances,
            "rate": self.plan.rate,
            "batch": self.plan.batch,
            "seconds": self.run.took.as_secs_f64(),
            "commands": self.run.commands,
            "commandsPerSecond": self.per_second(),
            "latencyMs": {
                "p50": self.millis(0.5), "p90": self.millis(0.9), "p99": self.millis(0.99),
                "p999": self.millis(0.999), "max": self.run.latency.max() as f64 / 1e6,
            },
            "cpuMicrosPerCommand": {
                "server": self.server_micros(),
                "function": self.function_micros(),
                "client": self.client_micros(),
            },
            "othersCores": self.others_cores(),
            "residentBytes": usage.resident,
            "diskBytesPerCommand": self.per_command(usage.disk as f64),
            "syncsPerCommand": self.per_command(usage.syncs as f64),
            "errors": self.run.errors,
            "firstError": self.run.first_error,
            "truth": {
                "instances": self.truth.instances, "events": self.truth.events,
                "wrong": self.truth.wrong, "first": self.truth.first,
            },
        })
    }
}

/// Prints all runs to stdout.
pub fn print(output: &Output, rows: &[Row], verdict: Option<&Verdict>) -> anyhow::Result<()> {
    if output.for_people() {
        print_table(rows);
        println!("{}", judged(verdict));
        return Ok(());
    }
    let items: Vec<Value> = rows.iter().map(Row::value).collect();
    output
        .document(&json!({ "items": items, "judge": verdict.map(judge_value) }))
        .map_err(|failure| anyhow::anyhow!("{}", failure.title))
}

/// The judge's word in a line.
fn judged(verdict: Option<&Verdict>) -> String {
    let Some(verdict) = verdict else { return "judge: not asked, its log belongs to another process".to_owned() };
    let ((passed, failed, skipped), of) = (verdict.counts(), &verdict.summary);
    format!(
        "judge: {} commands of {} instances, one in twenty: {passed} rules passed, {failed} failed, {skipped} skipped",
        of.commands, of.instances
    )
}

fn judge_value(verdict: &Verdict) -> Value {
    let ((passed, failed, skipped), of) = (verdict.counts(), &verdict.summary);
    json!({
        "instances": of.instances, "commands": of.commands, "events": of.events,
        "passed": passed, "failed": failed, "skipped": skipped,
        "violation": verdict.first().map(evento_check::Violation::document),
    })
}

fn print_table(rows: &[Row]) {
    let mut table = Table::new();
    table.load_style(comfy_table::TableStyle::new());
    table.set_header([
        "C",
        "instances",
        "commands/s",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "max ms",
        "server µs",
        "function µs",
        "client µs",
        "MiB",
        "B disk",
        "syncs",
        "errors",
        "truth",
    ]);
    for row in rows {
        let usage = &row.run.usage;
        let truth = match &row.truth.first {
            None => format!("ok ({} instances, {} events)", row.truth.instances, row.truth.events),
            Some(first) => format!("{} WRONG: {first}", row.truth.wrong),
        };
        table.add_row([
            row.plan.connections.to_string(),
            row.plan.instances.to_string(),
            format!("{:.0}", row.per_second()),
            format!("{:.3}", row.millis(0.5)),
            format!("{:.3}", row.millis(0.99)),
            format!("{:.3}", row.millis(0.999)),
            format!("{:.1}", row.run.latency.max() as f64 / 1e6),
            format!("{:.1}", row.server_micros()),
            format!("{:.1}", row.function_micros()),
            format!("{:.1}", row.client_micros()),
            format!("{:.0}", usage.resident as f64 / f64::from(1 << 20)),
            format!("{:.0}", row.per_command(usage.disk as f64)),
            format!("{:.3}", row.per_command(usage.syncs as f64)),
            row.run.errors.to_string(),
            truth,
        ]);
    }
    for n in 0..14 {
        if let Some(column) = table.column_mut(n) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    println!("{table}");
    for (row, error) in rows.iter().filter_map(|row| Some((row, row.first_error()?))) {
        println!("first error at C={}: {error}", row.plan.connections);
    }
    println!(
        "µs are CPU per command; B disk and syncs are per command; server, function, client and disk share this machine"
    );
}
