//! Typed reading of a map: what is missing, of a wrong type or unknown becomes a finding, and reading goes on.

use evento_model::{FullName, ResourceName};

use super::duration;
use super::finding::{Finding, Findings, Place};
use super::node::{Content, Node, step};
use crate::catalog::nearest;

/// What reading one document shares: where its findings go.
pub(crate) struct Context<'a> {
    pub(crate) findings: &'a mut Findings,
}

impl Context<'_> {
    pub(crate) fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(crate) fn error(&mut self, code: u16, place: &Place, pointer: &str, message: impl Into<String>) {
        self.report(Finding::error(code, place, pointer, message));
    }

    fn expected<T>(&mut self, what: &str, node: &Node, pointer: &str) -> Option<T> {
        let finding =
            Finding::error(2001, &node.place, pointer, format!("expected {what}, found {}", node.kind_word()));
        self.report(match (&node.content, what) {
            (Content::Bool(_) | Content::Number(_), "a text") => finding.help("put the value in quotes"),
            _ => finding,
        });
        None
    }

    pub(crate) fn text<'n>(&mut self, node: &'n Node, pointer: &str) -> Option<&'n str> {
        match node.text() {
            Some(text) => Some(text),
            None => self.expected("a text", node, pointer),
        }
    }

    pub(crate) fn truth(&mut self, node: &Node, pointer: &str) -> Option<bool> {
        match node.content {
            Content::Bool(truth) => Some(truth),
            _ => self.expected("true or false", node, pointer),
        }
    }

    /// A whole number within bounds, both included.
    pub(crate) fn whole(&mut self, node: &Node, pointer: &str, least: u64, most: u64) -> Option<u64> {
        let Content::Number(number) = &node.content else { return self.expected("a whole number", node, pointer) };
        match number.as_u64() {
            Some(value) if (least..=most).contains(&value) => Some(value),
            _ => {
                self.error(2001, &node.place, pointer, format!("{number} is not between {least} and {most}"));
                None
            }
        }
    }

    /// A duration in milliseconds within bounds, both included.
    pub(crate) fn duration_ms(&mut self, node: &Node, pointer: &str, least: u64, most: u64) -> Option<u64> {
        let Some(text) = node.text() else {
            return self.expected("a duration such as 100ms, 5s or 1m30s", node, pointer);
        };
        let Some(ms) = duration::parse_ms(text) else {
            let message = format!("{text:?} is not a duration; write it as 100ms, 5s or 1m30s");
            self.error(2001, &node.place, pointer, message);
            return None;
        };
        if !(least..=most).contains(&ms) {
            let (least, most) = (duration::format_ms(least), duration::format_ms(most));
            self.error(2001, &node.place, pointer, format!("{text} is not between {least} and {most}"));
            return None;
        }
        Some(ms)
    }

    /// One word of a few.
    pub(crate) fn choice<T: Copy>(&mut self, node: &Node, pointer: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(node, pointer)?;
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*choice);
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let message = format!("{text:?} is not one of {}", words.join(", "));
        let near = nearest(text, words.iter().copied());
        self.report(Finding::error(2001, &node.place, pointer, message).did_you_mean(&near));
        None
    }

    pub(crate) fn resource_name(&mut self, node: &Node, pointer: &str) -> Option<ResourceName> {
        let text = self.text(node, pointer)?;
        let name = ResourceName::new(text);
        name.map_err(|error| self.error(2001, &node.place, pointer, error.to_string())).ok()
    }

    pub(crate) fn full_name(&mut self, node: &Node, pointer: &str) -> Option<FullName> {
        let text = self.text(node, pointer)?;
        let name = FullName::new(text);
        name.map_err(|error| self.error(2001, &node.place, pointer, error.to_string())).ok()
    }

    /// The items of a list, each with its pointer.
    pub(crate) fn items<'n>(&mut self, node: &'n Node, pointer: &str) -> Option<Vec<(&'n Node, String)>> {
        match &node.content {
            Content::List(items) => {
                Some(items.iter().enumerate().map(|(n, item)| (item, format!("{pointer}/{n}"))).collect())
            }
            _ => self.expected("a list", node, pointer),
        }
    }

    pub(crate) fn texts(&mut self, node: &Node, pointer: &str) -> Option<Vec<String>> {
        let items = self.items(node, pointer)?;
        Some(items.iter().filter_map(|(item, at)| self.text(item, at).map(str::to_owned)).collect())
    }

    /// Resource names, each at most once.
    pub(crate) fn resource_names(&mut self, node: &Node, pointer: &str) -> Option<Vec<ResourceName>> {
        let items = self.items(node, pointer)?;
        let mut names = Vec::with_capacity(items.len());
        for (item, at) in items {
            let Some(name) = self.resource_name(item, &at) else { continue };
            if names.contains(&name) {
                self.error(2001, &item.place, &at, format!("{name} stands here twice"));
            } else {
                names.push(name);
            }
        }
        Some(names)
    }
}

/// The fields of one map. Each field that is asked for is known; `close` reports the others.
pub(crate) struct Fields<'n> {
    pub(crate) node: &'n Node,
    pub(crate) pointer: String,
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// Opens a map.
    pub(crate) fn open(context: &mut Context<'_>, node: &'n Node, pointer: impl Into<String>) -> Option<Fields<'n>> {
        let pointer = pointer.into();
        match node.content {
            Content::Map(_) => Some(Fields { node, pointer, known: Vec::new() }),
            _ => context.expected("a map", node, &pointer),
        }
    }

    /// A field with its pointer; a field that is null counts as absent, as in Kubernetes.
    pub(crate) fn get(&mut self, name: &'static str) -> Option<(&'n Node, String)> {
        self.known.push(name);
        let node = self.node.get(name).filter(|node| !matches!(node.content, Content::Null))?;
        Some((node, step(&self.pointer, name)))
    }

    /// A field that must be there.
    pub(crate) fn need(&mut self, context: &mut Context<'_>, name: &'static str) -> Option<(&'n Node, String)> {
        let found = self.get(name);
        if found.is_none() {
            let place = self.node.get(name).map_or(&self.node.place, |node| &node.place);
            let where_ = if self.pointer.is_empty() { name.to_owned() } else { self.dotted(name) };
            context.error(2001, place, &step(&self.pointer, name), format!("{where_} is missing"));
        }
        found
    }

    /// `spec.url.address`
    fn dotted(&self, name: &str) -> String {
        format!("{}.{name}", self.pointer.trim_start_matches('/').replace('/', "."))
    }

    /// Reports every field that was not asked for.
    pub(crate) fn close(self, context: &mut Context<'_>) {
        for entry in self.node.entries() {
            if !self.known.contains(&entry.key.as_str()) {
                let near = nearest(&entry.key, self.known.iter().copied());
                let message = format!("unknown field {}", entry.key);
                let pointer = step(&self.pointer, &entry.key);
                let mut finding = Finding::error(2002, &entry.key_place, pointer, message).did_you_mean(&near);
                if near.is_empty() {
                    finding = finding.help(format!("known here: {}", self.known.join(", ")));
                }
                context.report(finding);
            }
        }
    }
}
