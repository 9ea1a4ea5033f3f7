//! Reading `evento.toml` and the user's file: every value with the line it stands on.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::settings::{SETTINGS, Setting};
use crate::cli::failure::{Failure, Violation};

/// A named Evento of the user's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
    /// A file that holds the bearer token, if one is needed. The token itself is never in the file.
    pub token_file: Option<String>,
}

/// What a file says.
#[derive(Debug, Default)]
pub struct Read {
    /// Settings with value and line.
    pub values: Vec<(&'static Setting, String, usize)>,
    /// Contexts; only the user's file may have them.
    pub contexts: Vec<Context>,
    /// `context = "name"` of the user's file.
    pub current_context: Option<String>,
}

/// Reads one file. Unknown keys are refused, with the nearest known one.
pub fn read(path: &Path, text: &str, is_user_file: bool) -> Result<Read, Failure> {
    let refuse = |at: usize, message: String, help: Option<String>| {
        let (line, column) = place(text, at);
        let mut failure = Failure::new(7002, format!("{} was refused", path.display()));
        failure.violations = vec![Violation {
            file: Some(path.display().to_string()),
            line,
            column,
            message,
            help,
            ..Violation::default()
        }];
        failure
    };
    let table = DeTable::parse(text)
        .map_err(|error| refuse(error.span().map_or(0, |span| span.start), error.message().to_owned(), None))?;
    let mut read = Read::default();
    let mut open = vec![(String::new(), table.get_ref())];
    while let Some((prefix, table)) = open.pop() {
        for (name, value) in table {
            let key =
                if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
            match (key.as_str(), value.get_ref()) {
                ("contexts", DeValue::Table(contexts)) if is_user_file => {
                    for (name, context) in contexts {
                        read.contexts
                            .push(context_of(name.get_ref(), context).map_err(|(at, why)| refuse(at, why, None))?);
                    }
                }
                ("context", DeValue::String(name)) if is_user_file => read.current_context = Some(name.to_string()),
                (_, DeValue::Table(inner)) if SETTINGS.iter().any(|s| s.key.starts_with(&format!("{key}."))) => {
                    open.push((key, inner));
                }
                _ => {
                    let setting = Setting::find(&key).ok_or_else(|| {
                        let help = nearest(&key).map(|near| format!("did you mean {near}?"));
                        refuse(name.span().start, format!("unknown setting {key}"), help)
                    })?;
                    let text_value = scalar(value).ok_or_else(|| {
                        refuse(
                            value.span().start,
                            format!("{key} is not a single value"),
                            Some(setting.kind.to_string()),
                        )
                    })?;
                    let line = place(text, name.span().start).0;
                    read.values.push((setting, text_value, line));
                }
            }
        }
    }
    Ok(read)
}

fn context_of(name: &str, value: &Spanned<DeValue<'_>>) -> Result<Context, (usize, String)> {
    let wrong = |why: &str| (value.span().start, format!("context {name}: {why}"));
    let DeValue::Table(table) = value.get_ref() else { return Err(wrong("not a table")) };
    let text = |key: &str| match table.get(key).map(Spanned::get_ref) {
        Some(DeValue::String(text)) => Some(text.to_string()),
        _ => None,
    };
    if let Some(unknown) = table.keys().find(|key| !["address", "tokenFile"].contains(&key.get_ref().as_ref())) {
        return Err((unknown.span().start, format!("context {name}: unknown key {}", unknown.get_ref())));
    }
    let address = text("address").ok_or_else(|| wrong("address is missing"))?;
    Ok(Context { name: name.to_owned(), address, token_file: text("tokenFile") })
}

fn scalar(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// The known setting that looks most like `key`.
pub fn nearest(key: &str) -> Option<&'static str> {
    SETTINGS
        .iter()
        .map(|setting| (strsim::damerau_levenshtein(setting.key, key), setting.key))
        .filter(|(distance, _)| *distance <= 3)
        .min()
        .map(|(_, near)| near)
}

/// Line and column, both from 1, of a byte.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(byte)];
    let line_start = before.rfind('\n').map_or(0, |n| n + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
