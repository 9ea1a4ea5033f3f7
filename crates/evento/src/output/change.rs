//! What a set of resources changes: the document of `apply`, `diff` and `delete`, and how people see it.

use evento_schema::registry::{Change, Difference};
use evento_schema::resource::Finding;
use serde_json::{Value, json};

use super::style::Style;
use super::table::printable;
use super::time::duration;

/// The answer document of a planned or committed change. The node fills in `functions` when revisions started.
pub fn document(change: &Change, dry_run: bool) -> Value {
    let differences: Vec<Value> = change.differences.iter().map(Difference::to_value).collect();
    let warnings: Vec<Value> = change.warnings.iter().map(Finding::to_value).collect();
    json!({"dryRun": dry_run, "differences": differences, "warnings": warnings, "functions": []})
}

/// Whether the document says that anything differs.
pub fn differs(document: &Value) -> bool {
    differences(document).any(|difference| difference["action"] != "unchanged")
}

/// The document for people: one line a resource, changes below it, unchanged ones counted, functions at the end.
pub fn text(document: &Value, style: Style) -> String {
    let mut out = String::new();
    let mut unchanged = 0_usize;
    for difference in differences(document) {
        let word = difference["action"].as_str().unwrap_or("?");
        if word == "unchanged" {
            unchanged += 1;
            continue;
        }
        let kind = difference["kind"].as_str().unwrap_or("?").to_lowercase();
        let name = difference["name"].as_str().unwrap_or("?");
        let gap = " ".repeat(9_usize.saturating_sub(word.len()));
        out.push_str(&format!("{}{gap}  {kind}/{}\n", style.status(word), printable(name)));
        for change in difference["changes"].as_array().into_iter().flatten() {
            out.push_str(&format!("             {}\n", printable(change["words"].as_str().unwrap_or("?"))));
        }
        let affected: Vec<&str> =
            difference["affects"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !affected.is_empty() && word != "created" {
            out.push_str(&format!("             concerns function {}\n", affected.join(", ")));
        }
        if let Some(count) = difference["rebuilds"].as_u64().filter(|count| *count > 0) {
            out.push_str(&format!("             {} states are rebuilt by replay\n", super::progress::grouped(count)));
        }
    }
    match (unchanged, out.is_empty()) {
        (0, true) => out.push_str("nothing to do\n"),
        (0, false) => {}
        (1, true) => out.push_str("unchanged  the one resource\n"),
        (n, true) => out.push_str(&format!("unchanged  all {n} resources\n")),
        (n, false) => out.push_str(&format!("unchanged  {n} more\n")),
    }
    for function in document["functions"].as_array().into_iter().flatten() {
        let name = function["name"].as_str().unwrap_or("?");
        let state = function["state"].as_str().unwrap_or("ready");
        out.push_str(&format!("{}  {}", style.bold(&printable(name)), style.status(state)));
        if let Some(revision) = function["revision"].as_str() {
            out.push_str(&format!("   rev {}", crate::cli::get::short_revision(revision)));
        }
        if let Some(count) = function["verifiedEvents"].as_u64() {
            out.push_str(&format!("   replayed {} events", super::progress::grouped(count)));
        }
        if let Some(ms) = function["verifiedMs"].as_u64() {
            out.push_str(&format!(" in {}", duration(ms)));
        }
        out.push('\n');
    }
    out
}

fn differences(document: &Value) -> impl Iterator<Item = &Value> {
    document["differences"].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use evento_schema::registry::{NoUsage, Registry};
    use evento_schema::resource::{SourceFile, parse_set};
    use expect_test::expect;

    use super::{differs, document, text};
    use crate::output::style::Style;

    const ENTITY: &str = "apiVersion: evento.dev/v1alpha1\nkind: Entity\nmetadata: {name: account}\nspec:\n  \
        schema: {type: record, name: Account, namespace: bank, fields: [{name: owner, type: string}]}\n";

    fn plan(registry: &Registry, text: &str) -> evento_schema::registry::Change {
        let file = SourceFile { path: "a.yaml".into(), folder: None, text: text.into() };
        let set = parse_set(&[file], &BTreeMap::new()).expect("the document is fine");
        registry.plan(&set, &NoUsage).expect("the set is fine")
    }

    #[test]
    fn a_change_is_told_in_words() {
        let first = plan(&Registry::default(), ENTITY);
        assert!(differs(&document(&first, false)));
        assert_eq!(text(&document(&first, false), Style::PLAIN), "created    entity/account\n");

        let same = document(&plan(&first.registry, ENTITY), true);
        assert!(!differs(&same));
        assert_eq!(text(&same, Style::PLAIN), "unchanged  the one resource\n");

        let wider = ENTITY.replace("string}]", "string}, {name: limit, type: long, default: 0}]");
        let mut changed = document(&plan(&first.registry, &wider), false);
        changed["functions"] = serde_json::json!([{"name": "accounts", "state": "ready",
            "revision": "sha256:3f9c21aa00", "verifiedEvents": 1041, "verifiedMs": 100}]);
        expect![[r"
            changed    entity/account
                         field limit added with default 0
            accounts  ready   rev 3f9c21aa   replayed 1,041 events in 100 ms
        "]]
        .assert_eq(&text(&changed, Style::PLAIN));
    }
}
