//! Names in Python: the package, fields, enum members, and the classes that wrap the branches of a union.

use std::collections::{HashMap, HashSet};

use crate::ir::{Record, Shape, Type, TypeId};
use crate::naming::{distinct, escape, is_reserved, snake};
use crate::{GenerateError, Ir, Language, Options};

/// Built-in types that annotations name: a field of this name would hide them from the fields after it.
const BUILT_IN: [&str; 7] = ["bool", "bytes", "dict", "float", "int", "str", "tuple"];

/// Names that are made once for the whole package.
pub(super) struct Names {
    /// By union and branch.
    wrappers: HashMap<(TypeId, usize), String>,
    /// Types whose values can hold a type that holds itself: their readers count how deep they are.
    deep: HashSet<TypeId>,
}

impl Names {
    pub(super) fn of(ir: &Ir) -> Names {
        let mut taken: HashSet<String> = ir.types.iter().map(|declared| declared.ident.clone()).collect();
        let commands = ir.entities.iter().flat_map(|entity| &entity.commands);
        taken.extend(commands.map(|command| format!("{}Result", ir.ident(command.record))));
        let mut wrappers = HashMap::new();
        for (n, declared) in ir.types.iter().enumerate() {
            let Shape::Union(union) = &declared.shape else { continue };
            for (index, branch) in union.branches.iter().enumerate().filter(|(_, branch)| is_wrapped(&branch.kind)) {
                let mut name = format!("{}{}", declared.ident, branch.ident);
                while !taken.insert(name.clone()) {
                    name.push('_');
                }
                wrappers.insert((TypeId(n), index), name);
            }
        }
        Names { wrappers, deep: deep(ir) }
    }

    /// The class of a branch that needs one: everything but null, records and enums, which tell themselves apart.
    pub(super) fn wrapper(&self, union: TypeId, branch: usize) -> Option<&str> {
        self.wrappers.get(&(union, branch)).map(String::as_str)
    }

    pub(super) fn wrapper_names(&self) -> impl Iterator<Item = String> {
        self.wrappers.values().cloned()
    }

    /// Whether values of the type may be nested without end.
    pub(super) fn is_deep(&self, kind: &Type) -> bool {
        kind.uses().is_some_and(|id| self.deep.contains(&id))
    }
}

fn is_wrapped(kind: &Type) -> bool {
    !matches!(kind, Type::Null | Type::Record(_) | Type::Enum(_))
}

fn deep(ir: &Ir) -> HashSet<TypeId> {
    let recursive = |id: &TypeId| ir.record(*id).is_some_and(|record| record.recursive);
    let mut deep: HashSet<TypeId> = (0..ir.types.len()).map(TypeId).filter(recursive).collect();
    loop {
        let before = deep.len();
        for (n, declared) in ir.types.iter().enumerate() {
            let reaches = |kind: &Type| kind.uses().is_some_and(|id| deep.contains(&id));
            let holds = match &declared.shape {
                Shape::Record(record) => record.fields.iter().any(|field| reaches(&field.kind)),
                Shape::Union(union) => union.branches.iter().any(|branch| reaches(&branch.kind)),
                Shape::Enum(_) => false,
            };
            if holds {
                deep.insert(TypeId(n));
            }
        }
        if deep.len() == before {
            return deep;
        }
    }
}

/// Names of a record's fields, in their order.
pub(super) fn fields(record: &Record) -> Vec<String> {
    distinct(record.fields.iter().map(|field| {
        let name = escape(Language::Python, &snake(&field.name));
        if BUILT_IN.contains(&name.as_str()) { format!("{name}_") } else { name }
    }))
}

/// Names of an enum's members, in their order: the symbols, except what Python or `enum` keeps for itself.
pub(super) fn members(symbols: &[String]) -> Vec<String> {
    distinct(symbols.iter().map(|symbol| match symbol.as_str() {
        "mro" | "name" | "value" => format!("{symbol}_"),
        hidden if hidden.starts_with('_') => format!("S{hidden}"),
        symbol => escape(Language::Python, symbol),
    }))
}

/// The package: as asked for, else the last part of the first entity's namespace.
pub(super) fn package(ir: &Ir, options: &Options) -> Result<String, GenerateError> {
    let first = ir.entities.first().map_or("", |entity| entity.full_name.as_str());
    let namespace = first.rsplit_once('.').map_or("", |(namespace, _)| namespace);
    let last = namespace.rsplit('.').next().unwrap_or("");
    let package = match &options.package {
        Some(package) => package.clone(),
        None if last.is_empty() => "domain".to_owned(),
        None => escape(Language::Python, &snake(last)),
    };
    let is_name = |part: &str| {
        !part.is_empty()
            && !part.starts_with(|first: char| first.is_ascii_digit())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !is_reserved(Language::Python, part)
    };
    if !package.split('.').all(is_name) {
        return Err(GenerateError::Unfit(format!("{package:?} is no name of a Python package")));
    }
    if package == "evento" {
        let message = "a package named evento would hide the SDK; name another with --package";
        return Err(GenerateError::Unfit(message.to_owned()));
    }
    Ok(package)
}
