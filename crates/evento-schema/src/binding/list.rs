//! The `schemas` of a manifest: a list in which a named type may be used by name after it was defined.

use std::collections::HashMap;

use evento_model::FullName;
use serde_json::Value;

use crate::avro::Schema;
use crate::resource::{Finding, Findings, Library, Place, Refusal};

/// Most schemas of a manifest.
const SCHEMAS_MAX: usize = 1_000;

/// Reads the schemas of a manifest, by full name.
///
/// # Errors
///
/// `EV2302` with the pointer `/schemas/<n>` of each schema that is wrong, has no namespace, or defines a name again.
pub fn parse_schema_list(list: &[Value]) -> Result<HashMap<FullName, Schema>, Vec<Finding>> {
    let mut findings = Findings::default();
    let mut schemas: HashMap<FullName, Schema> = HashMap::new();
    let mut library = Library::default();
    let mut refuse = |n: usize, message: String| {
        findings.push(Finding::error(2302, &Place::nowhere(), format!("/schemas/{n}"), message));
    };
    if list.len() > SCHEMAS_MAX {
        refuse(SCHEMAS_MAX, format!("the manifest has {} schemas, at most {SCHEMAS_MAX} are read", list.len()));
    }
    for (n, value) in list.iter().take(SCHEMAS_MAX).enumerate() {
        let schema = match library.add(value) {
            Ok(schema) => schema,
            Err(Refusal::Schema(error)) => {
                refuse(n, error.to_string());
                continue;
            }
            Err(Refusal::Twice(name)) => {
                refuse(n, format!("{name} is defined twice"));
                continue;
            }
        };
        let Some(Ok(name)) = schema.full_name().map(FullName::new) else {
            refuse(n, "every schema of a manifest is a named type with a namespace".to_owned());
            continue;
        };
        schemas.insert(name, schema);
    }
    findings.verdict().map(|_| schemas)
}
