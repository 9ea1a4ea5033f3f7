//! The table of `docs/kafka-clients.md`: made of what the tests find, compared with what the page says.

use std::path::PathBuf;
use std::sync::Mutex;

use crate::clients::{CLIENTS, Client, reasons};
use crate::features::{FEATURES, Feature};
use crate::server::root;

/// What a test found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Passes,
    Cannot(&'static str),
    Fails(String),
}

/// Lines of the page between which the table is.
const BEGIN: &str = "<!-- table: made by crates/evento/tests/kafka -->";
const END: &str = "<!-- end of table -->";

/// One test at a time reads and writes the page.
static PAGE: Mutex<()> = Mutex::new(());

fn page() -> PathBuf {
    root().join("docs/kafka-clients.md")
}

impl Cell {
    fn text(&self) -> String {
        match self {
            Cell::Passes => "✓".to_owned(),
            Cell::Cannot(why) => format!("– {}", note(why)),
            Cell::Fails(_) => "**fails**".to_owned(),
        }
    }
}

/// Number of a note.
fn note(why: &str) -> String {
    format!("({})", reasons().position(|each| each == why).map_or(0, |n| n + 1))
}

/// The table of a page, row by row: the titles, then the versions, then the features.
fn table(text: &str) -> Vec<Vec<String>> {
    let inside = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map_or("", |(inside, _)| inside);
    let rows = inside.lines().filter(|line| line.starts_with('|') && !line.starts_with("|--"));
    rows.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The table with the cells of an older one.
fn fresh(old: &[Vec<String>]) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()], vec!["tried".to_owned()]];
    rows[0].extend(CLIENTS.iter().map(|client| client.name().to_owned()));
    rows[1].extend(CLIENTS.iter().map(|client| client.version()));
    for feature in FEATURES {
        let mut row = vec![feature.title().to_owned()];
        row.extend(CLIENTS.iter().map(|client| known(old, *feature, *client).unwrap_or("?").to_owned()));
        rows.push(row);
    }
    rows
}

/// What an older table says.
fn known(old: &[Vec<String>], feature: Feature, client: Client) -> Option<&str> {
    let column = old.first()?.iter().position(|name| name == client.name())?;
    let row = old.iter().find(|row| row[0] == feature.title())?;
    row.get(column).map(String::as_str)
}

fn print(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (n, row) in rows.iter().enumerate() {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
        if n == 0 {
            text.push_str(&format!("|{}\n", "---|".repeat(row.len())));
        }
    }
    text.push('\n');
    for (n, why) in reasons().enumerate() {
        text.push_str(&format!("({}) {why}.\n", n + 1));
    }
    text
}

/// Compares a client's column of the page with what was found, or writes it with `EVENTO_TEST_WRITE`.
pub fn compare(client: Client, found: &[(Feature, Cell)]) {
    let _one = PAGE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let text = std::fs::read_to_string(page()).expect("the page");
    let mut rows = fresh(&table(&text));
    let column = 1 + CLIENTS.iter().position(|each| *each == client).expect("a column");
    for (feature, cell) in found {
        let row = 2 + FEATURES.iter().position(|each| each == feature).expect("a row");
        rows[row][column] = cell.text();
    }
    let (before, rest) = text.split_once(BEGIN).expect("the beginning of the table");
    let (_, after) = rest.split_once(END).expect("the end of the table");
    let new = format!("{before}{BEGIN}\n{}{END}{after}", print(&rows));
    if std::env::var_os("EVENTO_TEST_WRITE").is_some() {
        std::fs::write(page(), &new).expect("written");
    }
    let failures = found.iter().filter_map(|(feature, cell)| match cell {
        Cell::Fails(why) => Some(format!("{} {}: {why}", client.name(), feature.title())),
        _ => None,
    });
    let failures = failures.collect::<Vec<_>>().join("\n\n");
    assert!(failures.is_empty(), "{failures}");
    let written = std::fs::read_to_string(page()).expect("the page");
    assert!(written == new, "docs/kafka-clients.md is not what was found; the table now is\n{}", print(&rows));
}
