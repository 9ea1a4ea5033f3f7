//! TypeScript: one module of types, factories and codecs on `@evento/sdk/runtime`.
//!
//! A record is a readonly object and a factory of the same name; commands and events say their full name in `$type`,
//! as two of one shape must not be taken for one another. Names of Avro hold no `$`, so the names of helpers do.

mod codec;
mod entity;
mod literal;
mod names;
mod types;

use crate::ir::Shape;
use crate::naming::snake;
use crate::{GenerateError, GeneratedFile, Ir, MARK, Options, Writer};
use names::Names;

/// One file, named after the package: `bank.ts`.
pub(crate) fn generate(ir: &Ir, options: &Options) -> Result<Vec<GeneratedFile>, GenerateError> {
    let package = package(ir, options)?;
    let names = Names::of(ir);
    let mut out = Writer::new("  ");
    out.comment("//", MARK);
    out.line("import * as evento from \"@evento/sdk/runtime\";");
    for (id, declared) in names.declared() {
        out.blank();
        match &declared.shape {
            Shape::Record(record) => {
                types::record(&mut out, &names, id, record);
                codec::record(&mut out, &names, id, record);
            }
            Shape::Enum(of) => types::enumeration(&mut out, &names, id, of),
            Shape::Union(union) => {
                types::union(&mut out, &names, id, union);
                codec::union(&mut out, &names, id, union);
            }
        }
    }
    out.blank();
    entity::codecs(&mut out, &names);
    for entity in &ir.entities {
        entity::entity(&mut out, &names, entity);
    }
    Ok(vec![GeneratedFile { path: format!("{package}.ts"), text: out.finish() }])
}

/// Name of the module: as asked for, else the last part of the first entity's namespace, else the entity's name.
fn package(ir: &Ir, options: &Options) -> Result<String, GenerateError> {
    if let Some(package) = &options.package {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if package.is_empty() || package.starts_with('.') || !package.chars().all(fits) {
            let why =
                format!("package {package:?} is no name of a TypeScript file: letters, digits, - _ . are allowed");
            return Err(GenerateError::Unfit(why));
        }
        return Ok(package.strip_suffix(".ts").unwrap_or(package).to_owned());
    }
    let first = ir.entities.first().map_or("evento", |entity| entity.full_name.as_str());
    let namespace = first.rsplit_once('.').map_or(first, |(namespace, _)| namespace);
    Ok(snake(namespace.rsplit('.').next().unwrap_or(namespace)).replace('_', "-"))
}

/// A doc comment; nothing when there is nothing to say.
fn doc(out: &mut Writer, text: &str) {
    let text = text.trim().replace("*/", "*\\/");
    match text.lines().count() {
        0 => {}
        1 => {
            out.line(format!("/** {text} */"));
        }
        _ => {
            out.line("/**").comment(" *", &text).line(" */");
        }
    }
}
