//! Names in Go: of the package, of fields with the capitals that Go asks for, and of what stands in the package.

use std::collections::{HashMap, HashSet};

use crate::ir::{Branch, Field, Ir, Shape, Type};
use crate::naming::{distinct, escape, pascal, words};
use crate::{GenerateError, Language, Options};

/// Words that Go writes in capitals (Go Code Review Comments, "Initialisms"); the usual ones.
const INITIALISMS: &[&str] = &["api", "html", "http", "https", "id", "ip", "json", "sql", "uri", "url", "uuid", "xml"];

/// Methods that every record has, so that no field may have their names.
const METHODS: &[&str] = &["AvroName", "ReadAvro", "WriteAvro"];

/// Folder of the package, whose last part is its name: what was asked for, or the last part of the namespace.
pub(super) fn package(ir: &Ir, options: &Options) -> Result<String, GenerateError> {
    if let Some(folder) = &options.package {
        let fine = |part: &str| {
            part.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
                && part.starts_with(|c: char| c.is_ascii_lowercase())
                && !crate::naming::is_reserved(Language::Go, part)
        };
        return match folder.split('/').all(fine) {
            true => Ok(folder.clone()),
            false => Err(GenerateError::Unfit(format!(
                "{folder:?} cannot be a Go package; small letters, digits and _ can, with / between folders: bank or \
                 internal/bank"
            ))),
        };
    }
    let first = ir.entities.first().map_or("", |entity| entity.full_name.as_str());
    let namespace = first.rsplit('.').nth(1).unwrap_or("domain");
    Ok(escape(Language::Go, &words(namespace).concat()))
}

/// Names that stand in the package beside the declared types.
pub(super) struct Names {
    /// By the ident of the enum: the names of its symbols.
    symbols: HashMap<String, Vec<String>>,
    /// By the ident of the union: the types of its branches.
    branches: HashMap<String, Vec<String>>,
}

impl Names {
    pub(super) fn of(ir: &Ir) -> Names {
        let mut taken: HashSet<String> = ir.types.iter().map(|declared| ident(&declared.ident)).collect();
        for entity in &ir.entities {
            taken.extend(entity.commands.iter().flat_map(|command| {
                let ident = ident(ir.ident(command.record));
                [format!("{ident}Result"), format!("{ident}Events")]
            }));
            let state = ident(ir.ident(entity.state));
            taken.extend([format!("{state}Function"), format!("New{state}Function")]);
        }
        let mut free = |name: String| {
            let mut candidate = name.clone();
            let mut n = 2;
            while !taken.insert(candidate.clone()) {
                candidate = format!("{name}{n}");
                n += 1;
            }
            candidate
        };
        let mut names = Names { symbols: HashMap::new(), branches: HashMap::new() };
        for declared in &ir.types {
            let of = ident(&declared.ident);
            match &declared.shape {
                Shape::Record(_) => {}
                Shape::Enum(made) => {
                    let symbols = made.symbols.iter().map(|symbol| free(of.clone() + &field_word(symbol))).collect();
                    names.symbols.insert(declared.ident.clone(), symbols);
                }
                Shape::Union(union) => {
                    let branches = union.branches.iter().map(|branch| match own_name(ir, branch) {
                        Some(name) => name,
                        None => free(format!("{of}{}", branch.ident)),
                    });
                    names.branches.insert(declared.ident.clone(), branches.collect());
                }
            }
        }
        names
    }

    /// Names of an enum's constants.
    pub(super) fn symbols(&self, ident: &str) -> &[String] {
        self.symbols.get(ident).map_or(&[], Vec::as_slice)
    }

    /// Names of the types that a union's branches have.
    pub(super) fn branches(&self, ident: &str) -> &[String] {
        self.branches.get(ident).map_or(&[], Vec::as_slice)
    }
}

/// The name of a branch whose type is declared anyway; others are wrapped.
pub(super) fn own_name(ir: &Ir, branch: &Branch) -> Option<String> {
    match branch.kind {
        Type::Record(id) | Type::Enum(id) => Some(ident(ir.ident(id))),
        Type::Null => Some("nil".to_owned()),
        _ => None,
    }
}

/// A declared type's name; exported, so it begins with a capital.
pub(super) fn ident(ident: &str) -> String {
    if ident.starts_with('_') { format!("X{ident}") } else { ident.to_owned() }
}

/// Names of a record's fields, distinct.
pub(super) fn fields(fields: &[Field]) -> Vec<String> {
    let named = fields.iter().map(|field| {
        let name = ident(&field_word(&field.name));
        if METHODS.contains(&name.as_str()) { name + "_" } else { name }
    });
    distinct(named)
}

/// `orderId` is `OrderID`.
fn field_word(name: &str) -> String {
    let words = words(name);
    let shaped = words.iter().map(|word| match INITIALISMS.contains(&word.as_str()) {
        true => word.to_ascii_uppercase(),
        false => pascal(word).trim_start_matches('_').to_owned(),
    });
    let shaped: String = shaped.collect();
    let begins = shaped.starts_with(|first: char| first.is_ascii_uppercase());
    if begins { shaped } else { format!("_{shaped}") }
}

/// The doc of something in lines that gofmt leaves as they are: nothing in them looks like a list, a heading, a link
/// or code.
pub(super) fn doc(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().map(str::trim).collect();
    let looks_special = |line: &&str| {
        let mut letters = line.chars();
        let first = letters.next();
        first.is_some_and(|c| "-*+•#[".contains(c) || c.is_ascii_digit())
    };
    if lines.iter().skip(1).any(looks_special) {
        return lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    }
    let mut kept: Vec<&str> = Vec::new();
    for line in lines {
        if !(line.is_empty() && kept.last().is_none_or(|last| last.is_empty())) {
            kept.push(line);
        }
    }
    kept.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{doc, field_word};

    #[test]
    fn fields_have_the_capitals_of_go() {
        let cases = [("amount", "Amount"), ("orderId", "OrderID"), ("id", "ID"), ("foo_bar", "FooBar"), ("_1", "_1")];
        for (name, wanted) in cases {
            assert_eq!(field_word(name), wanted);
        }
    }

    #[test]
    fn a_doc_has_nothing_that_gofmt_would_write_anew() {
        assert_eq!(doc("  One.\n\n\n  Two.  "), "One.\n\nTwo.");
        assert_eq!(doc("One:\n- a\n- b"), "One: - a - b");
    }
}
