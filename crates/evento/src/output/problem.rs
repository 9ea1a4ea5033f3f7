//! Failures as people see them: code, place in the file with its line, reason, next step.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::style::Style;
use super::table::printable;
use crate::cli::failure::{Failure, Violation};

/// Columns a source line may take before it is cut around the place.
const SOURCE_WIDTH: usize = 90;

/// Gives the text of a file named in a finding, if it can still be read.
pub type Source<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The whole failure as text, ending in a line feed.
pub fn render(failure: &Failure, style: Style, source: Source<'_>) -> String {
    let mut out = String::new();
    let errors: Vec<&Violation> = failure.violations.iter().filter(|v| !v.warning).collect();
    let in_files = errors.iter().any(|violation| violation.file.is_some());
    for violation in failure.violations.iter().filter(|v| v.warning && v.file.is_some()) {
        finding(violation, failure.code, style, source, &mut out);
    }
    if in_files {
        for violation in &errors {
            finding(violation, failure.code, style, source, &mut out);
        }
        let count = errors.len();
        let closing = failure.why.as_deref().filter(|why| !why.is_empty()).unwrap_or(&failure.title);
        out.push_str(&format!("{count} error{}, {closing}\n", if count == 1 { "" } else { "s" }));
        return out;
    }
    out.push_str(&heading("error", failure.code, &failure.title, style));
    for violation in &errors {
        let code = violation.code.filter(|code| Some(*code) != failure.code).map(|code| code.to_string());
        let parts = [code, violation.resource.clone(), violation.pointer.clone()];
        let place: Vec<String> = parts.into_iter().flatten().collect();
        let place = if place.is_empty() { String::new() } else { format!("{}: ", place.join(" ")) };
        out.push_str(&format!("   {}{}\n", printable(&place), printable(&violation.message)));
        if let Some(help) = &violation.help {
            out.push_str(&format!("     {}\n", printable(help)));
        }
    }
    if let Some(extra) = &failure.extra {
        for line in extra.lines() {
            out.push_str(&format!("   {}\n", printable(line)));
        }
    }
    hints(failure.why.as_deref(), failure.next.as_deref(), failure.code, style, &mut out);
    out
}

/// A finding that refuses nothing, with its place.
pub fn warning(violation: &Violation, style: Style, source: Source<'_>) -> String {
    let mut out = String::new();
    finding(violation, None, style, source, &mut out);
    out
}

/// One finding with its place, ending in a line feed. Without a code of its own it has that of the whole.
fn finding(
    violation: &Violation,
    whole: Option<evento_model::Code>,
    style: Style,
    source: Source<'_>,
    out: &mut String,
) {
    let code = violation.code.or(whole);
    let word = if violation.warning { "warning" } else { "error" };
    out.push_str(&heading(word, code, &violation.message, style));
    if let Some(file) = &violation.file {
        place(violation, file, source, style, out);
    }
    hints(violation.why.as_deref(), violation.help.as_deref(), code, style, out);
}

fn heading(word: &str, code: Option<evento_model::Code>, title: &str, style: Style) -> String {
    let label = match code {
        Some(code) => format!("{word}[{code}]"),
        None => word.to_owned(),
    };
    let painted = if word == "error" { style.red(&label) } else { style.yellow(&label) };
    format!("{painted}: {}\n", style.bold(&printable(title)))
}

fn hints(why: Option<&str>, next: Option<&str>, code: Option<evento_model::Code>, style: Style, out: &mut String) {
    let more = code.map(|code| format!("evento explain {code}"));
    for (word, text) in [("why ", why), ("next", next), ("more", more.as_deref())] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            let mut lines = text.lines();
            let first = printable(lines.next().unwrap_or_default());
            out.push_str(&format!("   {}  {first}\n", style.dim(word)));
            for line in lines {
                out.push_str(&format!("         {}\n", printable(line)));
            }
        }
    }
}

/// `╭─[file:line:column]`, the source line cut around the column, and the underline.
fn place(violation: &Violation, file: &str, source: Source<'_>, style: Style, out: &mut String) {
    let Violation { line, column, .. } = *violation;
    let gutter = line.to_string().len().max(2);
    let pad = " ".repeat(gutter);
    let at = match (line, column) {
        (0, _) => file.to_owned(),
        (_, 0) => format!("{file}:{line}"),
        _ => format!("{file}:{line}:{column}"),
    };
    let text = source(file);
    let text = text.as_deref().and_then(|text| text.lines().nth(line.checked_sub(1)?));
    let (Some(text), true) = (text, column > 0) else {
        out.push_str(&format!("{pad} {}\n", style.dim(&format!("──[{at}]"))));
        return;
    };
    let (shown, start, length) = window(text, column - 1);
    out.push_str(&format!("{pad} {}\n", style.dim(&format!("╭─[{at}]"))));
    out.push_str(&format!("{line:>gutter$} {} {shown}\n", style.dim("│")));
    let underline = match length {
        0 | 1 => "┬".to_owned(),
        n => format!("{}┬{}", "─".repeat(n / 2), "─".repeat(n - n / 2 - 1)),
    };
    out.push_str(&format!("{pad} {} {}{}\n", style.dim("·"), " ".repeat(start), style.red(&underline)));
    out.push_str(&format!("{pad} {}\n", style.dim("╰────")));
}

/// The part of a line around a character, where the underline starts in it, and how long it is, in columns.
fn window(line: &str, character: usize) -> (String, usize, usize) {
    let characters: Vec<char> = line
        .chars()
        .map(|c| {
            if c == '\t' {
                ' '
            } else if c.is_control() {
                '�'
            } else {
                c
            }
        })
        .collect();
    let width = |part: &[char]| part.iter().map(|c| c.width().unwrap_or(0)).sum::<usize>();
    let character = character.min(characters.len());
    let token = token_length(&characters[character..]);
    let end = character + token;
    if width(&characters) <= SOURCE_WIDTH {
        return (characters.iter().collect(), width(&characters[..character]), width(&characters[character..end]));
    }
    let mut from = character.saturating_sub(SOURCE_WIDTH / 3);
    let mut to = (from + SOURCE_WIDTH).min(characters.len());
    if to == characters.len() {
        from = to.saturating_sub(SOURCE_WIDTH);
    }
    while width(&characters[from..to]) > SOURCE_WIDTH && to > character + 1 {
        to -= 1;
    }
    let before = if from > 0 { "… " } else { "" };
    let after = if to < characters.len() { " …" } else { "" };
    let shown: String = characters[from..to].iter().collect();
    let start = before.width() + width(&characters[from..character]);
    (format!("{before}{shown}{after}"), start, width(&characters[character..end.min(to)]))
}

/// How many characters the word, quoted text or bracket that starts here has.
fn token_length(rest: &[char]) -> usize {
    match rest.first() {
        None => 0,
        Some(quote @ ('"' | '\'')) => {
            rest.iter().skip(1).position(|c| c == quote).map_or(rest.len(), |closing| closing + 2)
        }
        Some('{' | '[') => {
            let mut depth = 0_usize;
            for (n, c) in rest.iter().enumerate() {
                match c {
                    '{' | '[' => depth += 1,
                    '}' | ']' => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    return n + 1;
                }
            }
            rest.len()
        }
        Some(_) => {
            let stops = |n: usize| {
                let c = rest[n];
                " ,}]".contains(c) || (c == ':' && rest.get(n + 1).is_none_or(|next| *next == ' '))
            };
            (0..rest.len()).find(|n| stops(*n)).unwrap_or(rest.len()).max(1)
        }
    }
}

#[cfg(test)]
#[path = "problem_tests.rs"]
mod tests;
