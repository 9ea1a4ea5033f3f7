//! Aligned columns for people. The last column is cut to the terminal; in wide form nothing is.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::style::Style;

/// Rows under headings.
pub struct Table {
    headings: Vec<String>,
    // Bound: one page of a list (at most 500 rows) or what the server holds of one kind of resource.
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(headings: &[&str]) -> Table {
        Table { headings: headings.iter().map(|h| (*h).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row; missing cells stay empty. Control characters are shown escaped.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells: Vec<String> = cells.into_iter().map(|cell| printable(&cell)).collect();
        cells.resize(self.headings.len(), String::new());
        self.rows.push(cells);
    }

    /// The table as text, ending in a line feed. An empty table is only its headings.
    pub fn render(&self, style: Style, width: Option<usize>) -> String {
        let columns = self.headings.len();
        let widths: Vec<usize> = (0..columns)
            .map(|c| self.rows.iter().map(|row| row[c].width()).chain([self.headings[c].width()]).max().unwrap_or(0))
            .collect();
        let mut out = String::new();
        let line = |cells: &[String], paint: &dyn Fn(&str) -> String, out: &mut String| {
            let mut column_start = 0;
            let mut text = String::new();
            for (c, cell) in cells.iter().enumerate() {
                if c + 1 == columns {
                    let room = width.map_or(usize::MAX, |width| width.saturating_sub(column_start).max(8));
                    text.push_str(&cut(cell, room));
                } else {
                    text.push_str(cell);
                    text.extend(std::iter::repeat_n(' ', widths[c] - cell.width() + 2));
                    column_start += widths[c] + 2;
                }
            }
            out.push_str(&paint(text.trim_end()));
            out.push('\n');
        };
        line(&self.headings, &|text| style.dim(text), &mut out);
        for row in &self.rows {
            line(row, &str::to_owned, &mut out);
        }
        out
    }
}

/// The text without characters that would move the cursor of a terminal.
pub fn printable(text: &str) -> String {
    let hidden = |c: char| c.is_control() || is_direction(c);
    if text.chars().any(hidden) {
        text.chars().map(|c| if hidden(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
    } else {
        text.to_owned()
    }
}

/// Whether a character turns the direction of what follows, or ends the line: an id must not disguise others.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text cut to so many columns, with an ellipsis when something is missing.
pub fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut used = 0;
    let kept = text.chars().take_while(|c| {
        used += c.width().unwrap_or(0);
        used < columns
    });
    kept.chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{Style, Table, cut, printable};

    #[test]
    fn columns_align_by_what_is_seen() {
        let mut table = Table::new(&["ID", "STATE", "LAST ERROR"]);
        table.row(["日本".into(), "ready".into(), "none".into()]);
        table.row(["a".into(), "x\u{1b}[31m".into(), "a rather long text that does not fit".into()]);
        table.row(["b".into()]);
        expect![[r#"
            ID    STATE        LAST ERROR
            日本  ready        none
            a     x\u{1b}[31m  a rather long text…
            b
        "#]]
        .assert_eq(&table.render(Style::PLAIN, Some(38)));
        assert!(table.render(Style::PLAIN, None).contains("that does not fit"));
    }

    #[test]
    fn an_id_cannot_turn_the_line_it_stands_in() {
        assert_eq!(printable("\u{202e}ecila"), "\\u{202e}ecila");
        assert_eq!(printable("a\u{2028}b\u{2066}"), "a\\u{2028}b\\u{2066}");
        assert_eq!(printable("zoë 👩‍👧 日本"), "zoë 👩‍👧 日本");
    }

    #[test]
    fn cutting_counts_columns() {
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("abc", 3), "abc");
    }
}
