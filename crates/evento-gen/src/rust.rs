//! Rust: `mod.rs` that joins, `types.rs` with every record, enum and union, and one file for each entity with its
//! trait, the results of its commands and the host that the SDK serves.
//!
//! The code stands on the crate `evento-sdk` and nothing else. It is laid out by hand, so the modules are marked for
//! `rustfmt` to pass over.

mod codec;
mod declare;
mod entity;

use crate::naming::{distinct, escape, is_reserved, snake};
use crate::{GenerateError, GeneratedFile, Ir, Language, MARK, Options, Writer};

/// Code for Rust.
pub(crate) fn generate(ir: &Ir, options: &Options) -> Result<Vec<GeneratedFile>, GenerateError> {
    if options.package.is_some() {
        let message = "Rust takes no --package: the module is named after the folder given with --out";
        return Err(GenerateError::Unfit(message.to_owned()));
    }
    let ir = &renamed(ir);
    let modules = module_names(ir);
    let mut files = vec![
        GeneratedFile { path: "mod.rs".to_owned(), text: root(&modules) },
        GeneratedFile { path: "types.rs".to_owned(), text: declare::types(ir) },
    ];
    for (entity, module) in ir.entities.iter().zip(&modules) {
        files.push(GeneratedFile { path: format!("{module}.rs"), text: entity::entity(ir, entity) });
    }
    Ok(files)
}

/// Names that generated code uses in another meaning, sorted.
const TAKEN: &[&str] = &[
    "Answer",
    "ApplyContext",
    "BTreeMap",
    "Box",
    "Decision",
    "Default",
    "Encoded",
    "Err",
    "Failure",
    "From",
    "Function",
    "Malformed",
    "None",
    "Ok",
    "Option",
    "Reader",
    "Record",
    "Result",
    "Self",
    "Send",
    "Some",
    "String",
    "Sync",
    "Vec",
    "Writer",
];

/// The same with no declared type of a name that is taken: `Option` becomes `OptionType`.
fn renamed(ir: &Ir) -> Ir {
    let mut ir = ir.clone();
    let known: Vec<String> = ir.types.iter().map(|declared| declared.ident.clone()).collect();
    for declared in ir.types.iter_mut().filter(|declared| TAKEN.contains(&declared.ident.as_str())) {
        declared.ident.push_str("Type");
        while known.contains(&declared.ident) {
            declared.ident.push('_');
        }
    }
    ir
}

/// A module for each entity, named after its resource; `types` is taken, and a raw name would need a path.
fn module_names(ir: &Ir) -> Vec<String> {
    let names = ir.entities.iter().map(|entity| {
        let name = snake(&entity.resource);
        let taken = name == "types" || is_reserved(Language::Rust, &name);
        if taken { format!("{name}_") } else { name }
    });
    distinct(names)
}

fn root(modules: &[String]) -> String {
    let mut out = Writer::new("    ");
    out.line(format!("//! {MARK}")).line("//!");
    out.line("//! Types, codecs and the traits to implement, of the project's schemas.");
    out.blank();
    for module in modules {
        out.line("#[rustfmt::skip]").line(format!("mod {module};"));
    }
    out.line("#[rustfmt::skip]").line("mod types;").blank();
    for module in modules {
        out.line(format!("pub use {module}::*;"));
    }
    out.line("pub use types::*;");
    out.finish()
}

/// The name of a field, method or module.
fn name(avro: &str) -> String {
    escape(Language::Rust, &snake(avro))
}

/// A Rust string literal.
fn literal(text: &str) -> String {
    format!("{text:?}")
}
