//! A record: its components with their checks, `with…` methods, its codec.

use super::literal::literal;
use super::names::{File, Names, components, with};
use super::types::Types;
use super::{comment, doc, quoted};
use crate::ir::{Declared, Ir, Record, Type, TypeId};
use crate::{GenerateError, GeneratedFile, Writer};

/// Most words of parameters that a Java method can have; long and double take two (JVM specification 4.3.3).
const PARAMETER_WORDS_MAX: usize = 254;

pub(super) fn file(
    ir: &Ir,
    names: &Names,
    declared: &Declared,
    record: &Record,
) -> Result<GeneratedFile, GenerateError> {
    let words = |kind: &Type| if matches!(kind, Type::Long | Type::Double) { 2 } else { 1 };
    if record.fields.iter().map(|field| words(&field.kind)).sum::<usize>() > PARAMETER_WORDS_MAX {
        let name = &record.full_name;
        return Err(GenerateError::Unfit(format!(
            "{name} has more fields than a Java record can have; nest some of them"
        )));
    }
    let file = File::new(names);
    let made = Made {
        ir,
        names,
        record,
        ident: &declared.ident,
        types: Types { ir, file: &file },
        components: components(record.fields.iter().map(|field| field.name.as_str())),
        file: &file,
    };
    let mut out = Writer::new("    ");
    made.write(&mut out);
    Ok(file.finish(&declared.ident, out))
}

struct Made<'a> {
    ir: &'a Ir,
    names: &'a Names,
    record: &'a Record,
    ident: &'a str,
    types: Types<'a>,
    components: Vec<String>,
    file: &'a File<'a>,
}

impl Made<'_> {
    fn write(&self, out: &mut Writer) {
        self.docs(out);
        let implements = self.implements();
        let implements =
            if implements.is_empty() { String::new() } else { format!(" implements {}", implements.join(", ")) };
        let head = |parameters: &str| format!("public record {}({parameters}){implements} {{", self.ident);
        let (line, parameters) = (head(&self.parameters().join(", ")), self.parameters().join(",\n        "));
        let head = if line.len() > 120 { head(&format!("\n        {parameters}")) } else { line };
        out.block(head, "}", |out| {
            if self.is_top() {
                self.codec(out);
            }
            self.constructor(out);
            self.defaults(out);
            self.withs(out);
            self.read(out);
            out.blank();
            self.written(out);
        });
    }

    fn docs(&self, out: &mut Writer) {
        let record = self.record;
        let params: Vec<String> = (record.fields.iter().zip(&self.components))
            .filter_map(|(field, name)| Some((field.doc.as_deref()?.trim(), name)))
            .map(|(doc, name)| format!(" * @param {name} {}", comment(&doc.lines().collect::<Vec<_>>().join(" "))))
            .collect();
        let otherwise = format!("Avro record {}.", record.full_name);
        if params.is_empty() {
            return doc(out, record.doc.as_deref(), &otherwise);
        }
        out.line("/**");
        let text = record.doc.as_deref().filter(|doc| !doc.trim().is_empty()).unwrap_or(&otherwise);
        for line in text.trim().lines() {
            out.line(format!(" * {}", comment(line.trim_end())).trim_end());
        }
        out.line(" *").line(params.join("\n")).line(" */");
    }

    fn parameters(&self) -> Vec<String> {
        let fields = self.record.fields.iter().zip(&self.components);
        fields.map(|(field, name)| format!("{} {name}", self.types.java(&field.kind, false))).collect()
    }

    /// Whether it travels by itself: a state, a command or an event.
    fn is_top(&self) -> bool {
        self.ir.entities.iter().any(|entity| self.is(entity.state)) || !self.implements().is_empty()
    }

    fn is(&self, id: TypeId) -> bool {
        self.ir.ident(id) == self.ident
    }

    /// The sealed interfaces it belongs to.
    fn implements(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (n, entity) in self.ir.entities.iter().enumerate() {
            if entity.commands.iter().any(|command| self.is(command.record)) {
                found.push(self.names.command(n).to_owned());
            }
            if entity.events.iter().any(|event| self.is(event.record)) {
                found.push(self.names.event(n).to_owned());
            }
            for command in &entity.commands {
                if command.emits.iter().any(|event| self.is(entity.events[*event].record)) {
                    found.push(format!("{}Result", self.ir.ident(command.record)));
                }
            }
        }
        found
    }

    fn codec(&self, out: &mut Writer) {
        let (codec, ident) = (self.file.import("dev.evento.codec.Codec"), self.ident);
        let name = quoted(&self.record.full_name);
        out.line("/** Its name and its bytes. */");
        out.line(format!("public static final {codec}<{ident}> CODEC ="));
        out.line(format!("        new {codec}<>({name}, {ident}.class, {ident}::read, {ident}::write);"));
        out.blank();
    }

    fn constructor(&self, out: &mut Writer) {
        let short = self.record.full_name.rsplit('.').next().unwrap_or_default();
        let checks: Vec<String> = (self.record.fields.iter().zip(&self.components))
            .filter_map(|(field, name)| self.types.check(&field.kind, name, &format!("{short}.{}", field.name)))
            .collect();
        if checks.is_empty() {
            return;
        }
        out.line("/** Refuses what the schema has no bytes for. */");
        out.block(format!("public {} {{", self.ident), "}", |out| {
            out.line(checks.join("\n"));
        });
        out.blank();
    }

    /// A factory that takes only what has no default.
    fn defaults(&self, out: &mut Writer) {
        let fields = &self.record.fields;
        if fields.iter().all(|field| field.default.is_none()) || self.components.iter().any(|name| name == "of") {
            return;
        }
        let given: Vec<String> = (fields.iter().zip(self.parameters()))
            .filter(|(field, _)| field.default.is_none())
            .map(|(_, parameter)| parameter)
            .collect();
        let values = fields.iter().zip(&self.components).map(|(field, name)| match &field.default {
            Some(default) => literal(&self.types, &field.kind, default),
            None => name.clone(),
        });
        let values = values.collect::<Vec<_>>().join(", ");
        let what =
            if given.is_empty() { "The defaults of the schema." } else { "With the schema's defaults for the rest." };
        out.line(format!("/** {what} */"));
        out.block(format!("public static {} of({}) {{", self.ident, given.join(", ")), "}", |out| {
            out.line(format!("return new {}({values});", self.ident));
        });
        out.blank();
    }

    fn withs(&self, out: &mut Writer) {
        let all = self.components.join(", ");
        for ((field, name), parameter) in self.record.fields.iter().zip(&self.components).zip(self.parameters()) {
            out.line(format!("/** The same with another {}. */", field.name));
            out.block(format!("public {} {}({parameter}) {{", self.ident, with(name)), "}", |out| {
                out.line(format!("return new {}({all});", self.ident));
            });
            out.blank();
        }
    }

    fn read(&self, out: &mut Writer) {
        let (reader, ident) = (self.file.import("dev.evento.codec.Reader"), self.ident);
        let reads: Vec<String> = self.record.fields.iter().map(|field| self.types.read(&field.kind, "in", 0)).collect();
        out.block(format!("static {ident} read({reader} in) {{"), "}", |out| {
            if reads.is_empty() {
                out.line(format!("return new {ident}();"));
                return;
            }
            out.line("in.enter();");
            out.line(format!("{ident} value = new {ident}(\n        {});", reads.join(",\n        ")));
            out.line("in.leave();").line("return value;");
        });
    }

    fn written(&self, out: &mut Writer) {
        let writer = self.file.import("dev.evento.codec.Writer");
        out.block(format!("static void write({writer} out, {} value) {{", self.ident), "}", |out| {
            for (field, name) in self.record.fields.iter().zip(&self.components) {
                if let Some(write) = self.types.write(&field.kind, "out", &format!("value.{name}"), 0) {
                    out.line(format!("{write};"));
                }
            }
        });
    }
}
