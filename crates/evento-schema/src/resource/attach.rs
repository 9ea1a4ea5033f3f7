//! Files that documents name: which they are, and putting their text in their place.
//!
//! This crate opens no file. Whoever has the files sends the texts along, under the key that `attachment_key` gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::finding::{Finding, Findings};
use super::json;
use super::node::{Content, Entry, Node, step};

/// Fields that name a file, the field that its content becomes, and whether the content is JSON.
const FILE_FIELDS: [(&str, &str, bool); 3] =
    [("schemaFile", "schema", true), ("manifestFile", "manifest", true), ("caFile", "caPem", false)];

/// Key under which the text of a named file is sent along: the path as written, joined to the folder of the
/// document's path as shown to people, with `.` and `..` resolved. An absolute path stays as it is.
pub fn attachment_key(document_path: &str, written: &str) -> String {
    let folder = document_path.rfind('/').map_or("", |end| &document_path[..=end]);
    join(folder, written)
}

/// A path joined to a folder, `.` and `..` resolved by their letters alone; `..` above the start is kept.
pub(crate) fn join(folder: &str, written: &str) -> String {
    let joined = if written.starts_with('/') { written.to_owned() } else { format!("{folder}/{written}") };
    let absolute = joined.starts_with('/') && (written.starts_with('/') || folder.starts_with('/'));
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    format!("{}{}", if absolute { "/" } else { "" }, parts.join("/"))
}

/// The paths that a document names, as written.
pub(crate) fn named(node: &Node, paths: &mut Vec<String>) {
    for_each_holder(node, &mut |holder| {
        for (field, _, _) in FILE_FIELDS {
            if let Some(path) = holder.get(field).and_then(Node::text)
                && !paths.iter().any(|known| known == path)
            {
                paths.push(path.to_owned());
            }
        }
    });
}

/// The parts of a document that may name files: `spec`, each of its `references`, and `spec.url`.
fn for_each_holder<'n>(node: &'n Node, visit: &mut impl FnMut(&'n Node)) {
    let Some(spec) = node.get("spec") else { return };
    visit(spec);
    spec.get("references").iter().flat_map(|list| list.items()).for_each(&mut *visit);
    if let Some(url) = spec.get("url") {
        visit(url);
    }
}

/// Puts attached texts in the place of the fields that name them.
pub(crate) fn inline(
    node: &mut Node,
    document_path: &str,
    attachments: &BTreeMap<String, String>,
    findings: &mut Findings,
) {
    let Some(spec) = entry_mut(node, "spec") else { return };
    let mut inliner = Inliner { document_path, attachments, findings };
    inliner.inline(spec, "/spec");
    if let Some(list) = entry_mut(spec, "references")
        && let Content::List(items) = &mut list.content
    {
        for (n, item) in items.iter_mut().enumerate() {
            inliner.inline(item, &format!("/spec/references/{n}"));
        }
    }
    if let Some(url) = entry_mut(spec, "url") {
        inliner.inline(url, "/spec/url");
    }
}

fn entry_mut<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    match &mut node.content {
        Content::Map(entries) => entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value),
        _ => None,
    }
}

struct Inliner<'a> {
    document_path: &'a str,
    attachments: &'a BTreeMap<String, String>,
    findings: &'a mut Findings,
}

impl Inliner<'_> {
    fn inline(&mut self, holder: &mut Node, pointer: &str) {
        let Content::Map(entries) = &mut holder.content else { return };
        for (field, target, is_json) in FILE_FIELDS {
            if entries.iter().any(|entry| entry.key == target) {
                continue;
            }
            if let Some(entry) = entries.iter_mut().find(|entry| entry.key == field) {
                self.replace(entry, &step(pointer, field), target, is_json);
            }
        }
    }

    fn replace(&mut self, entry: &mut Entry, pointer: &str, target: &str, is_json: bool) {
        let place = &entry.value.place;
        let Some(written) = entry.value.text() else {
            let message = format!("expected the path of a file, found {}", entry.value.kind_word());
            return self.findings.push(Finding::error(2001, place, pointer, message));
        };
        let key = attachment_key(self.document_path, written);
        let Some(text) = self.attachments.get(&key) else {
            let finding = Finding::error(2007, place, pointer, format!("the file {written} was not sent along"));
            return self.findings.push(finding.help("evento apply and evento render put files in their place"));
        };
        let value = if is_json {
            json::parse(&Arc::from(key.as_str()), text, self.findings)
        } else {
            Some(Node { place: place.clone(), content: Content::Text(text.clone()) })
        };
        // A file that cannot be read is reported; the entry stays and nobody reports it again.
        if let Some(value) = value {
            entry.key = target.to_owned();
            entry.value = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::attachment_key;

    #[test]
    fn keys_are_paths_seen_from_where_the_documents_are_seen() {
        for (document, written, key) in [
            ("resources/account.yaml", "../schemas/Account.avsc", "schemas/Account.avsc"),
            ("account.yaml", "Account.avsc", "Account.avsc"),
            ("account.yaml", "./a/../Account.avsc", "Account.avsc"),
            ("account.yaml", "../Account.avsc", "../Account.avsc"),
            ("../x/account.yaml", "../../Account.avsc", "../../Account.avsc"),
            ("/abs/r/account.yaml", "../s/Account.avsc", "/abs/s/Account.avsc"),
            ("account.yaml", "/etc/ca.pem", "/etc/ca.pem"),
            ("-", "a.avsc", "a.avsc"),
            ("/account.yaml", "../../a.avsc", "/a.avsc"),
        ] {
            assert_eq!(attachment_key(document, written), key, "{document} {written}");
        }
    }
}
