//! Whatever a file holds, reading it ends with resources or findings.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::{FINDINGS_MAX, SourceFile, parse_set, referenced_files};
use super::{ACCOUNT, BANK};

fn read(path: &str, text: String) {
    let source = SourceFile { path: path.to_owned(), folder: None, text };
    referenced_files(&source);
    let attachments = BTreeMap::from([("schemas/Account.avsc".to_owned(), ACCOUNT.to_owned())]);
    if let Err(findings) = parse_set(&[source], &attachments) {
        assert!(!findings.is_empty() && findings.len() <= FINDINGS_MAX);
        assert!(findings.iter().all(|finding| !finding.message.is_empty() && finding.line > 0 && finding.column > 0));
    }
}

/// Pieces that mean something to YAML or to the reader.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "---\n",
            "--- ",
            "...\n",
            "- ",
            "? ",
            ": ",
            ", ",
            "{",
            "}",
            "[",
            "]",
            "&a ",
            "*a ",
            "!!str ",
            "! ",
            "!x ",
            "|\n  ",
            ">-\n ",
            "'",
            "\"",
            "\\",
            "#",
            " #",
            "\n",
            "\n  ",
            "\n    ",
            "\t",
            "\r\n",
            "%YAML 1.2\n",
            "kind: Entity\n",
            "apiVersion: evento.dev/v1alpha1\n",
            "metadata: {name: a}\n",
            "spec:\n",
            "schemaFile: a",
            "\u{feff}",
            "\u{85}",
            "é",
            "🦀",
            "<<: ",
            "~",
            "null",
            "0x",
            ".inf",
            "\0",
            "@",
            "`",
            "%",
        ])
        .prop_map(str::to_owned),
        "[ -~\n]{0,12}",
        any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text_is_read_or_refused(pieces in prop::collection::vec(piece(), 0..24), json in any::<bool>()) {
        read(if json { "a.json" } else { "a.yaml" }, pieces.concat());
    }

    #[test]
    fn a_damaged_bank_is_read_or_refused(at in 0..BANK.len(), cut in 0_usize..40, insert in piece()) {
        let start = (0..=at).rev().find(|n| BANK.is_char_boundary(*n)).unwrap_or(0);
        let end = (start + cut..=BANK.len()).find(|n| BANK.is_char_boundary(*n)).unwrap_or(BANK.len());
        read("r/a.yaml", format!("{}{insert}{}", &BANK[..start], &BANK[end..]));
    }

    #[test]
    fn a_damaged_schema_file_is_read_or_refused(at in 0..ACCOUNT.len(), cut in 0_usize..20, insert in piece()) {
        let schema = format!("{}{insert}{}", &ACCOUNT[..at], &ACCOUNT[(at + cut).min(ACCOUNT.len())..]);
        let source = SourceFile { path: "a.yaml".to_owned(), folder: None, text: BANK.replace("../schemas/", "") };
        let result = parse_set(&[source], &BTreeMap::from([("Account.avsc".to_owned(), schema)]));
        match result {
            Ok(set) => prop_assert_eq!(set.resources.len(), 11),
            Err(findings) => for finding in findings {
                let is_account = finding.file == "Account.avsc" || finding.name.as_deref() == Some("account");
                prop_assert!(is_account, "{finding:?}");
            },
        }
    }
}
