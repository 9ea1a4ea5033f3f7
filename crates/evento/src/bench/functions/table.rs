//! The table of functions side by side, for people, and the same for programs.

use comfy_table::{CellAlignment, Table};
use serde_json::{Map, Value, json};

use super::figures::{FIGURES, FUNCTION_CPU, Figure, Series, number, unknown};
use super::{Measured, Round};
use crate::output::Output;

/// What the figures mean, in as many lines as the reader needs.
const LEGEND: &str = "\
A cell is the median of the rounds, then the lowest and the highest, and how often the first row's median it is.
Cold start is from asking for the function, built before, to the answer of its first command.
µs are CPU per command at C=256; others are cores busy with something else meanwhile, or taken by the machine's host.
bulk is 500 commands in a request over 4 connections.
replay is evento verify through apply; a core counts CPU time of Evento and the function.
Client, server, function and disk share this machine.";

impl Measured {
    fn series(&self, figure: &Figure) -> Option<Series> {
        Series::of(self.rounds.iter().filter_map(figure.of).collect())
    }

    fn wrong(&self) -> Option<String> {
        self.rounds.iter().find_map(Round::wrong)
    }

    /// Commands that were refused or failed, in all rounds.
    fn errors(&self) -> u64 {
        self.rounds.iter().map(|round| round.errors().0).sum()
    }

    /// The word in the last column.
    fn truth(&self) -> String {
        match (self.wrong(), self.errors()) {
            (Some(wrong), _) => format!("WRONG: {wrong}"),
            (None, 0) => "ok".to_owned(),
            (None, errors) => format!("ok\n{} errors", number(errors as f64, 0)),
        }
    }

    fn value(&self, first: &Measured) -> Value {
        let mut document = Map::new();
        document.insert("name".to_owned(), json!(self.named.name));
        document.insert("resources".to_owned(), json!(self.named.folder.display().to_string()));
        for figure in &FIGURES {
            let value = self.series(figure).map(|series| {
                let (low, high) = series.ends();
                let ratio = first.series(figure).and_then(|first| series.ratio(&first));
                json!({"median": series.median(), "low": low, "high": high, "ratio": ratio})
            });
            document.insert(figure.key.to_owned(), json!(value));
        }
        let (passed, failed, skipped) = judged(&self.rounds);
        document.insert("judge".to_owned(), json!({"passed": passed, "failed": failed, "skipped": skipped}));
        document.insert("wrong".to_owned(), json!(self.wrong()));
        document.insert("errors".to_owned(), json!(self.errors()));
        document.insert("firstError".to_owned(), json!(self.rounds.iter().find_map(|round| round.errors().1)));
        document.insert("rounds".to_owned(), self.rounds.iter().map(one_round).collect());
        Value::Object(document)
    }

    fn cell(&self, figure: &Figure, first: &Measured) -> String {
        match self.series(figure) {
            Some(series) => cell(&series, first.series(figure).as_ref(), figure.digits),
            None if figure.key == FUNCTION_CPU => {
                self.rounds.first().map_or("-", |round| unknown(round.place)).to_owned()
            }
            None => "-".to_owned(),
        }
    }
}

/// The figures of one round by themselves, to see which round was disturbed.
fn one_round(round: &Round) -> Value {
    FIGURES.iter().map(|figure| (figure.key.to_owned(), json!((figure.of)(round)))).collect::<Map<_, _>>().into()
}

/// Median, ends, and the multiple of the first row's median.
fn cell(series: &Series, first: Option<&Series>, digits: usize) -> String {
    let (low, high) = series.ends();
    let shown = |value| number(value, digits);
    let ratio = first.and_then(|first| series.ratio(first));
    let ratio = ratio.map(|ratio| format!("\n×{ratio:.2}")).unwrap_or_default();
    format!("{}\n{}–{}{ratio}", shown(series.median()), shown(low), shown(high))
}

/// Prints all functions to stdout, the first as what the others are compared with.
pub fn print(output: &Output, all: &[Measured]) -> anyhow::Result<()> {
    let Some(first) = all.first() else { return Ok(()) };
    let printed = if output.for_people() {
        output.text(&format!("{}\n{LEGEND}\n{}", table(all, first), below(all)))
    } else {
        output.document(&json!({"items": all.iter().map(|one| one.value(first)).collect::<Vec<_>>()}))
    };
    printed.map_err(|failure| anyhow::anyhow!("{}", failure.title))
}

fn table(all: &[Measured], first: &Measured) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::TableStyle::new());
    table.set_header(["function"].into_iter().chain(FIGURES.iter().map(|figure| figure.title)).chain(["truth"]));
    for one in all {
        let cells = FIGURES.iter().map(|figure| one.cell(figure, first));
        table.add_row([one.named.name.clone()].into_iter().chain(cells).chain([one.truth()]));
    }
    for n in 1..=FIGURES.len() {
        if let Some(column) = table.column_mut(n) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Rules that the judge found kept, broken and not to be decided.
fn judged<'a>(rounds: impl IntoIterator<Item = &'a Round>) -> (usize, usize, usize) {
    let add =
        |sum: (usize, usize, usize), next: (usize, usize, usize)| (sum.0 + next.0, sum.1 + next.1, sum.2 + next.2);
    rounds.into_iter().map(|round| round.verdict.counts()).fold((0, 0, 0), add)
}

/// What is said below the table: the judge's word on all logs, and the errors.
fn below(all: &[Measured]) -> String {
    let rounds = || all.iter().flat_map(|one| &one.rounds);
    let (passed, failed, skipped) = judged(rounds());
    let logs = rounds().count();
    let mut text = format!(
        "judge: {logs} logs, one instance in twenty: {passed} rules passed, {failed} failed, {skipped} skipped\n"
    );
    for one in all {
        let first = one.rounds.iter().find_map(|round| round.errors().1);
        text.extend(first.map(|error| format!("first error of {}: {error}\n", one.named.name)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Series, cell};

    #[test]
    fn a_cell_has_the_median_the_ends_and_the_multiple_of_the_first_row() {
        let series = |values: &[f64]| Series::of(values.to_vec()).expect("there are some");
        let (first, other) = (series(&[40_000.0, 50_000.0, 45_000.0]), series(&[9_000.0, 8_100.0, 11_000.0]));
        assert_eq!(cell(&first, Some(&first), 0), "45,000\n40,000–50,000\n×1.00");
        assert_eq!(cell(&other, Some(&first), 0), "9,000\n8,100–11,000\n×0.20");
        assert_eq!(cell(&series(&[0.25]), None, 2), "0.25\n0.25–0.25");
    }
}
