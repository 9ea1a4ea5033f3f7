//! Java: a record per record, an enum per enum, a sealed interface per union, and per entity the interface to
//! implement with the host that calls it. All of one generation is in one package, since Java's sealed types ask for
//! that. What the code stands on is the run-time in `sdk/java`.

mod entity;
mod literal;
mod names;
mod record;
mod schemas;
mod types;
mod union;

use crate::ir::{Declared, Shape};
use crate::naming::{distinct, escape, screaming};
use crate::{GenerateError, GeneratedFile, Ir, Language, MARK, Options, Writer};
use names::{File, Names};

/// Makes the files of a project.
pub(crate) fn generate(ir: &Ir, options: &Options) -> Result<Vec<GeneratedFile>, GenerateError> {
    let names = Names::of(ir, options)?;
    let mut files = Vec::new();
    for declared in &ir.types {
        files.push(match &declared.shape {
            Shape::Record(record) => record::file(ir, &names, declared, record)?,
            Shape::Enum(of) => enumeration(&names, declared, of),
            Shape::Union(union) => union::file(ir, &names, declared, union),
        });
    }
    for entity in &ir.entities {
        files.extend(entity::files(ir, &names, entity)?);
    }
    Ok(files)
}

fn enumeration(names: &Names, declared: &Declared, of: &crate::ir::Enum) -> GeneratedFile {
    let file = File::new(names);
    let (reader, writer) = (file.import("dev.evento.codec.Reader"), file.import("dev.evento.codec.Writer"));
    let ident = &declared.ident;
    let mut out = Writer::new("    ");
    doc(&mut out, of.doc.as_deref(), &format!("Avro enum {}.", of.full_name));
    out.block(format!("public enum {ident} {{"), "}", |out| {
        let constants = constants(&of.symbols);
        for (n, (constant, symbol)) in constants.iter().zip(&of.symbols).enumerate() {
            let end = if n + 1 == constants.len() { ";" } else { "," };
            out.line(format!("/** {symbol} */")).line(format!("{constant}{end}"));
        }
        out.blank().line(format!("private static final {ident}[] ALL = values();")).blank();
        out.block(format!("static {ident} read({reader} in) {{"), "}", |out| {
            out.line("return ALL[in.readIndex(ALL.length)];");
        });
        out.blank();
        out.block(format!("static void write({writer} out, {ident} value) {{"), "}", |out| {
            out.line("out.writeIndex(value.ordinal());");
        });
    });
    file.finish(ident, out)
}

/// Java's names of an enum's symbols.
fn constants(symbols: &[String]) -> Vec<String> {
    // ALL is the array of them.
    let taken = std::iter::once("ALL".to_owned());
    let names = symbols.iter().map(|symbol| escape(Language::Java, &screaming(symbol)));
    distinct(taken.chain(names)).split_off(1)
}

/// A Javadoc comment: what the schema says, or else what it is.
fn doc(out: &mut Writer, doc: Option<&str>, otherwise: &str) {
    let text = doc.filter(|doc| !doc.trim().is_empty()).unwrap_or(otherwise);
    let lines: Vec<String> = text.trim().lines().map(|line| comment(line.trim_end())).collect();
    match &lines[..] {
        [line] => out.line(format!("/** {line} */")),
        lines => {
            out.line("/**");
            for line in lines {
                out.line(format!(" * {line}").trim_end());
            }
            out.line(" */")
        }
    };
}

/// Text within a Javadoc comment: nothing of it is HTML, a tag, an escape, or the end of the comment.
fn comment(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('@', "&#64;").replace('\\', "&#92;").replace("*/", "*&#47;").replace("/*", "&#47;*")
}

/// A Java string literal.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            letter if letter.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// First lines of a file: the mark, the package, the imports.
fn head(package: &str, imports: impl IntoIterator<Item = String>) -> String {
    let mut head = format!("// {MARK}\n");
    if !package.is_empty() {
        head.push_str(&format!("package {package};\n"));
    }
    let imports: Vec<String> = imports.into_iter().map(|name| format!("import {name};\n")).collect();
    if !imports.is_empty() {
        head.push('\n');
        head.extend(imports);
    }
    head.push('\n');
    head
}
