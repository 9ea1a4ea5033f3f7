//! Names: the package, and which of Java's and the SDK's classes can be called by their short names.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};

use crate::naming::{distinct, is_reserved, pascal};
use crate::{GenerateError, GeneratedFile, Ir, Language, Options, Writer};

/// Names of a whole generation.
pub(super) struct Names {
    /// The package, with dots; empty: none.
    pub(super) package: String,
    /// Every class of the package.
    taken: HashSet<String>,
    /// For each entity: the interfaces of all commands and of all events.
    all: Vec<(String, String)>,
}

impl Names {
    pub(super) fn of(ir: &Ir, options: &Options) -> Result<Names, GenerateError> {
        let first = ir.entities.first().map_or("", |entity| entity.full_name.as_str());
        let namespace = first.rsplit_once('.').map_or("", |(namespace, _)| namespace);
        let package = match &options.package {
            Some(package) if !is_package(package) => {
                return Err(GenerateError::Unfit(format!(
                    "{package} is no name of a Java package; try com.example.bank"
                )));
            }
            Some(package) => package.clone(),
            None => escaped(namespace),
        };
        let mut taken: HashSet<String> = ir.types.iter().map(|declared| declared.ident.clone()).collect();
        for entity in &ir.entities {
            let ident = ir.ident(entity.state);
            taken.extend([format!("{ident}Function"), format!("{ident}Host")]);
            taken.extend(entity.commands.iter().map(|command| format!("{}Result", ir.ident(command.record))));
        }
        let mut all = Vec::new();
        for entity in &ir.entities {
            let ident = ir.ident(entity.state);
            all.push((free(&mut taken, ident, "Command"), free(&mut taken, ident, "Event")));
        }
        Ok(Names { package, taken, all })
    }

    /// The interface of all commands of an entity.
    pub(super) fn command(&self, entity: usize) -> &str {
        &self.all[entity].0
    }

    /// The interface of all events of an entity.
    pub(super) fn event(&self, entity: usize) -> &str {
        &self.all[entity].1
    }
}

fn free(taken: &mut HashSet<String>, entity: &str, what: &str) -> String {
    let candidates = ["", "Any"].map(|middle| format!("{entity}{middle}{what}"));
    let numbered = (2..).map(|n| format!("{entity}{what}{n}"));
    // The numbers never end, so one of them is free.
    let name = candidates.into_iter().chain(numbered).find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(name.clone());
    name
}

fn is_package(package: &str) -> bool {
    package.split('.').all(|part| {
        let mut letters = part.chars();
        letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
            && !is_reserved(Language::Java, part)
    })
}

/// A namespace as a package: `bank.in` cannot be one.
fn escaped(namespace: &str) -> String {
    let parts = namespace.split('.').map(|part| crate::naming::escape(Language::Java, part));
    parts.collect::<Vec<_>>().join(".")
}

/// Java's names of a record's fields: `foo_bar` is `fooBar`.
pub(super) fn components<'a>(fields: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let name = |field: &str| crate::naming::escape(Language::Java, &crate::naming::camel(field));
    distinct(fields.into_iter().map(name))
}

/// The name of the method that gives a record with another value of this component.
pub(super) fn with(component: &str) -> String {
    let plain = component.trim_end_matches('_');
    let capital = pascal(&component.chars().take(1).collect::<String>());
    match plain.is_empty() {
        true => format!("with{component}"),
        false => format!("with{capital}{}", component.chars().skip(1).collect::<String>()),
    }
}

/// One file, with the imports it turns out to need.
pub(super) struct File<'a> {
    names: &'a Names,
    imports: RefCell<BTreeSet<String>>,
}

impl<'a> File<'a> {
    pub(super) fn new(names: &'a Names) -> File<'a> {
        File { names, imports: RefCell::default() }
    }

    /// How a class is called in this file: by its short name, unless the package has a class of that name.
    pub(super) fn import(&self, class: &str) -> String {
        let (package, short) = class.rsplit_once('.').unwrap_or(("", class));
        if self.names.taken.contains(short) {
            return class.to_owned();
        }
        if package != "java.lang" {
            self.imports.borrow_mut().insert(class.to_owned());
        }
        short.to_owned()
    }

    /// The whole file of a class.
    pub(super) fn finish(self, class: &str, body: Writer) -> GeneratedFile {
        let folder = self.names.package.replace('.', "/");
        let path = if folder.is_empty() { format!("{class}.java") } else { format!("{folder}/{class}.java") };
        let head = super::head(&self.names.package, self.imports.into_inner());
        GeneratedFile { path, text: head + &body.finish() }
    }
}
