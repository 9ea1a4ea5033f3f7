//! Resource documents: YAML or JSON text to typed resources, with every fault and its exact place.
//!
//! This is the shape of single documents; what resources must be to each other, and to what is stored, is checked
//! by the registry. Nothing here opens a file: texts come in, values go out.

mod attach;
mod container;
pub mod duration;
mod fields;
mod finding;
mod function;
mod json;
mod kind;
mod library;
pub(crate) mod node;
mod read;
mod scalar;
pub(crate) mod schema;
mod size;
mod spec;
mod yaml;

use std::collections::BTreeMap;
use std::sync::Arc;

use evento_model::ResourceName;
use serde_json::Value;

pub use attach::attachment_key;
pub(crate) use finding::Findings;
pub use finding::{FINDINGS_MAX, Finding, Place, Severity};
pub use kind::Kind;
pub(crate) use library::{Library, Refusal};
use node::Node;
pub use schema::TypeSchema;
pub use spec::{
    CommandSpec, Compatibility, ContainerSource, ContainerSpec, EntitySpec, EventSpec, FunctionSpec, Gate, ImagePull,
    ProcessSpec, Purity, ReplayCheck, Runtime, Spec, UrlSpec, WasmSpec,
};
pub use yaml::{DOCUMENTS_MAX, FILE_BYTES_MAX};

/// The `apiVersion` of every document.
pub const API_VERSION: &str = "evento.dev/v1alpha1";

/// A file of documents.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceFile {
    /// Path as shown to people; `-` for standard input. A path ending in `.json` is read as JSON, others as YAML.
    pub path: String,
    /// Absolute folder of the file, if it has one: a process works relative to it.
    pub folder: Option<String>,
    /// The text, at most [`FILE_BYTES_MAX`] bytes.
    pub text: String,
}

/// Documents that are taken or refused together.
#[derive(Clone, Default, Debug)]
pub struct ResourceSet {
    /// In the order written.
    pub resources: Vec<Resource>,
}

/// One resource.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its kind.
    pub kind: Kind,
    /// `metadata.name`.
    pub name: ResourceName,
    /// What it says, typed.
    pub spec: Spec,
    /// Where its document says its kind.
    pub place: Place,
    /// The document as written, with files inlined and without what a server adds.
    pub document: Value,
    pub(crate) source: Arc<Node>,
}

impl Resource {
    /// Reads a stored document.
    ///
    /// # Errors
    ///
    /// What is wrong with it; a document that was stored once reads again.
    pub fn from_document(document: &Value) -> Result<Resource, Vec<Finding>> {
        let mut findings = Findings::default();
        let resource = read::read(Node::from_value(document, &Place::nowhere()), None, &mut findings);
        let warnings = findings.verdict()?;
        resource.ok_or(warnings)
    }

    /// Where a JSON pointer into the document stands, or the nearest thing above it that was written.
    pub fn place_of(&self, pointer: &str) -> Place {
        self.source.place_of(pointer)
    }

    /// Where a path of the schema, such as `bank.Account.balance`, stands, with its pointer.
    pub fn place_in_schema(&self, path: &str) -> (Place, String) {
        match self.source.at("/spec/schema") {
            Some(node) => schema::locate(node, "/spec/schema", path),
            None => (self.place.clone(), String::new()),
        }
    }

    /// An error at a pointer of this resource.
    pub(crate) fn error(&self, code: u16, pointer: &str, message: impl Into<String>) -> Finding {
        Finding::error(code, &self.place_of(pointer), pointer, message).about(self.kind, self.name.as_str())
    }

    /// An error at a path of this resource's schema.
    pub(crate) fn schema_error(&self, code: u16, path: &str, message: impl Into<String>) -> Finding {
        let (place, pointer) = self.place_in_schema(path);
        Finding::error(code, &place, pointer, message).about(self.kind, self.name.as_str())
    }
}

/// The paths of other files that a file's documents name (`schemaFile`, `manifestFile`, `caFile`), as written.
/// A file that cannot be read names none; reading it again with [`parse_set`] tells why.
pub fn referenced_files(file: &SourceFile) -> Vec<String> {
    let mut paths = Vec::new();
    for document in documents(file, &mut Findings::default()) {
        attach::named(&document, &mut paths);
    }
    paths
}

/// Reads every document of every file.
///
/// `attachments` holds the texts of the files that documents name, under the keys that [`attachment_key`] gives.
/// Documents that hold nothing, as between two separators, are passed over.
///
/// # Errors
///
/// Everything that is wrong with single documents, at most [`FINDINGS_MAX`] findings, in the order of the files.
pub fn parse_set(files: &[SourceFile], attachments: &BTreeMap<String, String>) -> Result<ResourceSet, Vec<Finding>> {
    let mut findings = Findings::default();
    let mut resources = Vec::new();
    for file in files {
        for mut document in documents(file, &mut findings) {
            let start = findings.len();
            attach::inline(&mut document, &file.path, attachments, &mut findings);
            let kind = document.get("kind").and_then(Node::text).and_then(Kind::parse);
            let name = document.at("/metadata/name").and_then(Node::text).map(str::to_owned);
            resources.extend(read::read(document, file.folder.as_deref(), &mut findings));
            findings.label_from(start, kind, name.as_deref());
        }
    }
    findings.verdict()?;
    Ok(ResourceSet { resources })
}

/// The documents of a file that hold something.
fn documents(file: &SourceFile, findings: &mut Findings) -> Vec<Node> {
    let path: Arc<str> = file.path.as_str().into();
    let nodes = if file.path.ends_with(".json") {
        Vec::from_iter(json::parse(&path, &file.text, findings))
    } else {
        yaml::parse(&path, &file.text, findings)
    };
    nodes.into_iter().filter(|node| !matches!(node.content, node::Content::Null)).collect()
}

#[cfg(test)]
pub(crate) mod tests;
