//! YAML text to trees with places, one tree a document.
//!
//! Bound: a file has at most 1 MiB, 1,000 documents and 64 levels. Anchors and aliases are refused, so that a few
//! lines can never become gigabytes; so are duplicate keys, which most programs silently drop.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput, Tag};

use super::finding::{Finding, Findings, Place};
use super::node::{Content, Entry, NESTING_MAX, Node};
use super::scalar;

/// Most bytes of one file.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// Most documents of one file.
pub const DOCUMENTS_MAX: usize = 1_000;

/// Reads a file. Documents before the first fault of shape are given too, so that their own faults are found.
pub(crate) fn parse(file: &Arc<str>, text: &str, findings: &mut Findings) -> Vec<Node> {
    let mut builder = Builder { file, findings, open: Vec::new(), documents: Vec::new() };
    if let Err(finding) = builder.run(text) {
        builder.findings.push(*finding);
    }
    builder.documents
}

struct Builder<'a> {
    file: &'a Arc<str>,
    findings: &'a mut Findings,
    // Bound: NESTING_MAX.
    open: Vec<Open>,
    // Bound: DOCUMENTS_MAX.
    documents: Vec<Node>,
}

/// A list or map whose end has not come yet.
enum Open {
    List { place: Place, items: Vec<Node> },
    Map { place: Place, entries: Vec<Entry>, key: Option<Key>, seen: HashMap<String, u32> },
}

/// A key whose value has not come yet.
struct Key {
    text: String,
    place: Place,
    /// The map has this key already; that is a finding, and the first value stays.
    again: bool,
}

impl Builder<'_> {
    fn run(&mut self, text: &str) -> Result<(), Box<Finding>> {
        if text.len() > FILE_BYTES_MAX {
            return Err(
                self.shape(&self.place_at(1, 1), format!("the file has {} bytes, at most 1 MiB is read", text.len()))
            );
        }
        let lines: Vec<&str> = text.lines().collect();
        let mut parser = Parser::new_from_str(text);
        let mut seen = 0;
        while let Some((event, start)) = self.next(&mut parser)? {
            let place = self.place(&start);
            match event {
                Event::DocumentStart(explicit) => {
                    seen += 1;
                    if seen > DOCUMENTS_MAX {
                        return Err(self.shape(&place, format!("the file has more than {DOCUMENTS_MAX} documents")));
                    }
                    if explicit {
                        self.check_separator(&lines, &place);
                    }
                }
                Event::Alias(_) => {
                    let finding = *self.shape(&place, "aliases are not taken, write the value out");
                    self.findings
                        .push(finding.why("every document stands alone, and an alias of aliases can fill any memory"));
                    self.add(Node { place, content: Content::Null })?;
                }
                Event::Scalar(text, style, anchor, tag) => {
                    self.check_anchor(anchor, &place);
                    self.scalar(&text, style, tag.as_deref(), place)?;
                }
                Event::SequenceStart(anchor, tag) => {
                    self.check_opening(anchor, tag.as_deref(), "seq", &place)?;
                    self.open.push(Open::List { place, items: Vec::new() });
                }
                Event::MappingStart(anchor, tag) => {
                    self.check_opening(anchor, tag.as_deref(), "map", &place)?;
                    self.open.push(Open::Map { place, entries: Vec::new(), key: None, seen: HashMap::new() });
                }
                Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                    Some(Open::List { place, items }) => self.add(Node { place, content: Content::List(items) })?,
                    Some(Open::Map { place, entries, .. }) => {
                        self.add(Node { place, content: Content::Map(entries) })?
                    }
                    None => {}
                },
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            }
        }
        Ok(())
    }

    fn next<'t>(&self, parser: &mut Parser<'t, StrInput<'t>>) -> Result<Option<(Event<'t>, Marker)>, Box<Finding>> {
        match parser.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, span.start))),
            Some(Err(error)) => Err(self.shape(&self.place(error.marker()), format!("not YAML: {}", error.info()))),
        }
    }

    /// What follows `---` on its line is part of the document in YAML and lost in other tools.
    fn check_separator(&mut self, lines: &[&str], place: &Place) {
        let line = lines.get((place.line as usize).saturating_sub(1)).copied().unwrap_or_default();
        let rest = line.strip_prefix("---").unwrap_or_default();
        let content = rest.trim_start();
        if !content.is_empty() && !content.starts_with('#') {
            let column = 4 + (rest.len() - content.len()) as u32;
            let finding = *self.shape(&self.place_at(place.line, column), "text after --- on the same line");
            self.findings
                .push(finding.why("kubectl drops such text silently").help("begin the document on the next line"));
        }
    }

    fn check_anchor(&mut self, anchor: usize, place: &Place) {
        if anchor > 0 {
            let finding = *self.shape(place, "anchors are not taken, write the value where it is needed");
            self.findings.push(finding);
        }
    }

    fn check_opening(
        &mut self,
        anchor: usize,
        tag: Option<&Tag>,
        expected: &str,
        place: &Place,
    ) -> Result<(), Box<Finding>> {
        self.check_anchor(anchor, place);
        if let Some(tag) = tag.filter(|tag| !(tag.is_yaml_core_schema() && tag.suffix == expected)) {
            let finding = *self.shape(place, format!("the tag {tag} is not taken"));
            self.findings.push(finding);
        }
        if self.open.len() >= NESTING_MAX {
            return Err(self.shape(place, format!("nested deeper than {NESTING_MAX} levels")));
        }
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, place: Place) -> Result<(), Box<Finding>> {
        if let Some(Open::Map { key: key @ None, seen, .. }) = self.open.last_mut() {
            let twice = seen.insert(text.to_owned(), place.line);
            *key = Some(Key { text: text.to_owned(), place: place.clone(), again: twice.is_some() });
            if let Some(line) = twice {
                let finding = *self.shape(&place, format!("the key {text} stands here twice, first on line {line}"));
                self.findings.push(finding);
            }
            return Ok(());
        }
        let is_text = style != ScalarStyle::Plain
            || tag.is_some_and(|tag| (tag.is_yaml_core_schema() && tag.suffix == "str") || tag.to_string() == "!");
        if let Some(tag) = tag.filter(|tag| !is_text && !tag.is_yaml_core_schema()) {
            let finding = *self.shape(&place, format!("the tag {tag} is not taken"));
            self.findings.push(finding);
        }
        let content = if is_text { Ok(Content::Text(text.to_owned())) } else { scalar::plain(text) };
        let content = content.unwrap_or_else(|message| {
            let finding = *self.shape(&place, message);
            self.findings.push(finding);
            Content::Null
        });
        self.add(Node { place, content })
    }

    fn add(&mut self, node: Node) -> Result<(), Box<Finding>> {
        match self.open.last_mut() {
            None => self.documents.push(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                Some(key) if key.again => {}
                Some(key) => entries.push(Entry { key: key.text, key_place: key.place, value: node }),
                None => return Err(self.shape(&node.place, "a key must be a text, not a list or map")),
            },
        }
        Ok(())
    }

    fn shape(&self, place: &Place, message: impl Into<String>) -> Box<Finding> {
        Box::new(Finding::error(2001, place, "", message))
    }

    fn place(&self, marker: &Marker) -> Place {
        self.place_at(marker.line() as u32, marker.col() as u32 + 1)
    }

    fn place_at(&self, line: u32, column: u32) -> Place {
        Place { file: Arc::clone(self.file), line, column }
    }
}
