//! A union of other than null and one type: a sealed interface with a record for each branch. Null is null.

use super::doc;
use super::names::{File, Names};
use super::types::Types;
use crate::ir::{Branch, Declared, Ir, Type, Union};
use crate::{GeneratedFile, Writer};

pub(super) fn file(ir: &Ir, names: &Names, declared: &Declared, union: &Union) -> GeneratedFile {
    let file = File::new(names);
    let types = Types { ir, file: &file };
    let ident = &declared.ident;
    let mut out = Writer::new("    ");
    doc(&mut out, None, &format!("What {} may be.", union.place));
    out.block(format!("public sealed interface {ident} {{"), "}", |out| {
        for branch in union.branches.iter().filter(|branch| branch.kind != Type::Null) {
            record(out, &types, ident, union, branch);
        }
        read(out, &types, ident, union);
        out.blank();
        write(out, &types, ident, union);
    });
    file.finish(ident, out)
}

/// Name of the record of a branch.
pub(super) fn branch_name(branch: &Branch) -> String {
    format!("Of{}", branch.ident)
}

fn record(out: &mut Writer, types: &Types<'_>, ident: &str, union: &Union, branch: &Branch) {
    let name = branch_name(branch);
    let kind = types.java(&branch.kind, false);
    out.line(format!("/** A value of the branch {}. */", branch.ident));
    let head = format!("record {name}({kind} value) implements {ident}");
    match types.check(&branch.kind, "value", &union.place) {
        None => {
            out.line(format!("{head} {{}}"));
        }
        Some(check) => out.block(format!("{head} {{"), "}", |out| {
            out.line("/** Refuses what the schema has no bytes for. */");
            out.block(format!("public {name} {{"), "}", |out| {
                out.line(check);
            });
        }),
    }
    out.blank();
}

fn read(out: &mut Writer, types: &Types<'_>, ident: &str, union: &Union) {
    let reader = types.file.import("dev.evento.codec.Reader");
    out.line("/** Its branch and its value. */");
    out.block(format!("static {ident} read({reader} in) {{"), "}", |out| {
        out.block(format!("return switch (in.readIndex({})) {{", union.branches.len()), "};", |out| {
            let last = union.branches.len() - 1;
            for (n, branch) in union.branches.iter().enumerate() {
                let case = if n == last { "default".to_owned() } else { format!("case {n}") };
                let value = match &branch.kind {
                    Type::Null => "null".to_owned(),
                    kind => format!("new {}({})", branch_name(branch), types.read(kind, "in", 0)),
                };
                out.line(format!("{case} -> {value};"));
            }
        });
    });
}

fn write(out: &mut Writer, types: &Types<'_>, ident: &str, union: &Union) {
    let writer = types.file.import("dev.evento.codec.Writer");
    out.line("/** Appends its branch and its value. */");
    out.block(format!("static void write({writer} out, {ident} value) {{"), "}", |out| {
        for (n, branch) in union.branches.iter().enumerate() {
            let opening = if n == 0 { "if" } else { "} else if" };
            let name = branch_name(branch);
            match &branch.kind {
                Type::Null => out.line(format!("{opening} (value == null) {{\n    out.writeIndex({n});")),
                kind => {
                    let write = types.write(kind, "out", "branch.value", 0).unwrap_or_default();
                    out.line(format!("{opening} (value instanceof {name} branch) {{"));
                    out.line(format!("    out.writeIndex({n});\n    {write};"))
                }
            };
        }
        let error = types.file.import("java.lang.IllegalArgumentException");
        let message = super::quoted(&format!("{} must not be null", union.place));
        out.line(format!("}} else {{\n    throw new {error}({message});\n}}"));
    });
}
