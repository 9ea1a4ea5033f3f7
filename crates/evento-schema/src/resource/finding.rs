//! What is wrong with a set of resources, and where: one finding a fault, all of them at once.

use std::sync::Arc;

use evento_model::Code;
use serde_json::{Map, Value};

use super::Kind;

/// Most findings of one request. More would not be read, and each costs memory.
pub const FINDINGS_MAX: usize = 100;

/// Whether a finding refuses the set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Severity {
    /// The set is refused.
    Error,
    /// The set is taken; a person should know.
    Warning,
}

/// One thing that is wrong, with the place in the file as people count: lines and columns from 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The error code.
    pub code: Code,
    /// Whether it refuses the set.
    pub severity: Severity,
    /// Kind of the resource, once it is known.
    pub kind: Option<Kind>,
    /// `metadata.name` of the resource, once it is known.
    pub name: Option<String>,
    /// The file as shown to people; empty for what was not read from a file.
    pub file: String,
    /// Line, from 1; 0 when there is no place.
    pub line: u32,
    /// Column in characters, from 1; 0 when there is no place.
    pub column: u32,
    /// JSON pointer (RFC 6901) into the document, or into the attached file.
    pub pointer: String,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Why the rule exists, where that is not plain.
    pub why: Option<String>,
    /// What to do next.
    pub help: Option<String>,
}

/// A place in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file as shown to people; empty for a stored document.
    pub file: Arc<str>,
    /// Line, from 1; 0 when unknown.
    pub line: u32,
    /// Column in characters, from 1; 0 when unknown.
    pub column: u32,
}

impl Place {
    /// The place of what was not read from a file.
    pub fn nowhere() -> Place {
        Place { file: "".into(), line: 0, column: 0 }
    }
}

impl Finding {
    /// An error at a place.
    pub fn error(code: u16, place: &Place, pointer: impl Into<String>, message: impl Into<String>) -> Finding {
        Finding {
            code: Code(code),
            severity: Severity::Error,
            kind: None,
            name: None,
            file: place.file.to_string(),
            line: place.line,
            column: place.column,
            pointer: pointer.into(),
            message: message.into(),
            why: None,
            help: None,
        }
    }

    /// The same as a warning.
    #[must_use]
    pub fn warning(mut self) -> Finding {
        self.severity = Severity::Warning;
        self
    }

    /// Says which resource it is about.
    #[must_use]
    pub fn about(mut self, kind: Kind, name: &str) -> Finding {
        self.kind = Some(kind);
        self.name = Some(name.to_owned());
        self
    }

    /// Says why the rule exists.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Finding {
        self.why = Some(why.into());
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Finding {
        self.help = Some(help.into());
        self
    }

    /// Suggests the nearest known names, if there are any.
    #[must_use]
    pub fn did_you_mean(mut self, near: &[String]) -> Finding {
        if !near.is_empty() {
            self.help = Some(format!("did you mean {}?", near.join(" or ")));
        }
        self
    }

    /// The member of `violations[]` in a problem document; what is unknown is left out.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
        put("code", self.code.to_string().into());
        put("severity", if self.is_error() { "error" } else { "warning" }.into());
        let texts = [
            ("kind", self.kind.map(Kind::as_str)),
            ("name", self.name.as_deref()),
            ("file", Some(self.file.as_str()).filter(|file| !file.is_empty())),
        ];
        for (key, text) in texts {
            text.map(|text| put(key, text.into()));
        }
        if self.line > 0 {
            put("line", self.line.into());
            put("column", self.column.into());
        }
        put("pointer", self.pointer.as_str().into());
        put("message", self.message.as_str().into());
        for (key, text) in [("why", &self.why), ("help", &self.help)] {
            text.as_deref().map(|text| put(key, text.into()));
        }
        Value::Object(map)
    }

    /// Whether it refuses the set.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Collects findings.
///
/// Bound: `FINDINGS_MAX`; what comes later is counted as nothing but still refuses.
#[derive(Default, Debug)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    pub(crate) fn push(&mut self, finding: Finding) {
        // One thing can be met on several ways, such as an event that is emitted and applied.
        if self.0.contains(&finding) {
            return;
        }
        if self.0.len() < FINDINGS_MAX {
            self.0.push(finding);
        } else if finding.is_error() {
            // An error must not be lost behind a hundred warnings.
            if let Some(slot) = self.0.iter_mut().rev().find(|kept| !kept.is_error()) {
                *slot = finding;
            }
        }
    }

    pub(crate) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Says which resource the findings from `start` on are about, where they do not say it themselves.
    pub(crate) fn label_from(&mut self, start: usize, kind: Option<Kind>, name: Option<&str>) {
        for finding in self.0.iter_mut().skip(start) {
            finding.kind = finding.kind.or(kind);
            finding.name = finding.name.take().or_else(|| name.map(str::to_owned));
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.0.iter().any(Finding::is_error)
    }

    /// The findings when any of them refuses, else the warnings.
    pub(crate) fn verdict(self) -> Result<Vec<Finding>, Vec<Finding>> {
        if self.has_errors() { Err(self.0) } else { Ok(self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::{FINDINGS_MAX, Finding, Findings, Kind, Place};

    #[test]
    fn a_finding_without_a_place_names_none() {
        let finding = Finding::error(2202, &Place::nowhere(), "/spec", "not covered").about(Kind::Function, "f");
        assert_eq!(
            finding.to_value().to_string(),
            r#"{"code":"EV2202","severity":"error","kind":"Function","name":"f","pointer":"/spec","message":"not covered"}"#
        );
        let place = Place { file: "a.yaml".into(), line: 3, column: 7 };
        let finding = Finding::error(2210, &place, "", "waits").warning().why("so").help("do");
        assert_eq!(
            finding.to_value().to_string(),
            r#"{"code":"EV2210","severity":"warning","file":"a.yaml","line":3,"column":7,"pointer":"","message":"waits","why":"so","help":"do"}"#
        );
    }

    #[test]
    fn an_error_is_not_lost_behind_warnings_and_memory_is_bounded() {
        let mut findings = Findings::default();
        for n in 0..1_000 {
            findings.push(Finding::error(2210, &Place::nowhere(), "", format!("warning {n}")).warning());
        }
        assert!(!findings.has_errors());
        findings.push(Finding::error(2001, &Place::nowhere(), "", "late"));
        let found = findings.verdict().unwrap_err();
        assert_eq!(found.len(), FINDINGS_MAX);
        assert!(found.iter().any(|finding| finding.message == "late"));
    }
}
