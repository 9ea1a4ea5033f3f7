//! Names: from the Avro spelling to that of a language, without clashes and without reserved words.

use std::collections::HashSet;

use crate::Language;

/// The words a name is made of, in lower case: `withdrawCash`, `withdraw-cash` and `WithdrawCash` are two.
///
/// A run of capitals is one word up to its last letter before a small one (`HTTPServer` is `http`, `server`);
/// digits belong to the word before them.
pub fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for (n, letter) in letters.iter().enumerate() {
        if !letter.is_ascii_alphanumeric() {
            words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
            continue;
        }
        let before = n.checked_sub(1).map(|n| letters[n]);
        let after = letters.get(n + 1);
        let begins = letter.is_ascii_uppercase()
            && (before.is_some_and(|before| !before.is_ascii_uppercase())
                || after.is_some_and(char::is_ascii_lowercase));
        if begins && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        word.push(letter.to_ascii_lowercase());
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

/// `withdraw_cash`.
pub fn snake(name: &str) -> String {
    begun(words(name).join("_"))
}

/// `WITHDRAW_CASH`.
pub fn screaming(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

/// `WithdrawCash`.
pub fn pascal(name: &str) -> String {
    begun(words(name).iter().map(|word| capital(word)).collect())
}

/// `withdrawCash`.
pub fn camel(name: &str) -> String {
    let words = words(name);
    let (first, rest) = words.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    begun(rest.iter().fold(first.to_owned(), |name, word| name + &capital(word)))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// A name begins with no digit and is not empty (`_1` is a name in Avro).
fn begun(name: String) -> String {
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// Makes the names of one scope distinct: a name that an earlier one has gets `_2`, `_3`, … behind it.
pub fn distinct(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::new();
    let mut unique = Vec::new();
    for name in names {
        let mut candidate = name.clone();
        let mut n = 2;
        while !taken.insert(candidate.clone()) {
            candidate = format!("{name}_{n}");
            n += 1;
        }
        unique.push(candidate);
    }
    unique
}

/// A name that is no reserved word of the language: `type` is `r#type` in Rust and `type_` elsewhere.
pub fn escape(language: Language, name: &str) -> String {
    if !reserved(language).contains(&name) {
        return name.to_owned();
    }
    // These four cannot be raw identifiers.
    let raw = language == Language::Rust && !["crate", "self", "super", "Self", "_"].contains(&name);
    if raw { format!("r#{name}") } else { format!("{name}_") }
}

/// Whether a name is a reserved word of the language.
pub fn is_reserved(language: Language, name: &str) -> bool {
    reserved(language).contains(&name)
}

fn reserved(language: Language) -> &'static [&'static str] {
    match language {
        Language::Rust => RUST,
        Language::Python => PYTHON,
        Language::TypeScript => TYPESCRIPT,
        Language::Java => JAVA,
        Language::Go => GO,
    }
}

/// The Rust Reference, "Keywords", edition 2024: strict and reserved.
const RUST: &[&str] = &[
    "Self", "_", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do",
    "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super",
    "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// The Python Language Reference 3.14, "Keywords"; soft keywords may be names.
const PYTHON: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// ECMAScript 2025, "Keywords and Reserved Words", in strict mode. They are fine as property names.
const TYPESCRIPT: &[&str] = &[
    "arguments",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "undefined",
    "var",
    "void",
    "while",
    "with",
    "yield",
];

/// The Java Language Specification 17, 3.9, the literals, and the methods a record component may not be named after.
const JAVA: &[&str] = &[
    "_",
    "abstract",
    "assert",
    "boolean",
    "break",
    "byte",
    "case",
    "catch",
    "char",
    "class",
    "clone",
    "const",
    "continue",
    "default",
    "do",
    "double",
    "else",
    "enum",
    "extends",
    "false",
    "final",
    "finalize",
    "finally",
    "float",
    "for",
    "getClass",
    "goto",
    "hashCode",
    "if",
    "implements",
    "import",
    "instanceof",
    "int",
    "interface",
    "long",
    "native",
    "new",
    "notify",
    "notifyAll",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "short",
    "static",
    "strictfp",
    "super",
    "switch",
    "synchronized",
    "this",
    "throw",
    "throws",
    "toString",
    "transient",
    "true",
    "try",
    "void",
    "volatile",
    "wait",
    "while",
];

/// The Go Programming Language Specification, "Keywords".
const GO: &[&str] = &[
    "break",
    "case",
    "chan",
    "const",
    "continue",
    "default",
    "defer",
    "else",
    "fallthrough",
    "for",
    "func",
    "go",
    "goto",
    "if",
    "import",
    "interface",
    "map",
    "package",
    "range",
    "return",
    "select",
    "struct",
    "switch",
    "type",
    "var",
];

#[cfg(test)]
mod tests {
    use super::{camel, distinct, escape, pascal, screaming, snake, words};
    use crate::Language;

    #[test]
    fn every_spelling_of_a_name_has_the_same_words() {
        let cases: [(&str, &[&str]); 9] = [
            ("withdrawCash", &["withdraw", "cash"]),
            ("WithdrawCash", &["withdraw", "cash"]),
            ("withdraw-cash", &["withdraw", "cash"]),
            ("WITHDRAW_CASH", &["withdraw", "cash"]),
            ("HTTPServer", &["http", "server"]),
            ("line2Total", &["line2", "total"]),
            ("bank.Account", &["bank", "account"]),
            ("x", &["x"]),
            ("_", &[]),
        ];
        for (name, wanted) in cases {
            assert_eq!(words(name), wanted, "{name}");
        }
    }

    #[test]
    fn names_are_spelled_as_a_language_does() {
        assert_eq!(snake("WithdrawCash"), "withdraw_cash");
        assert_eq!(screaming("withdrawCash"), "WITHDRAW_CASH");
        assert_eq!(pascal("withdraw_cash"), "WithdrawCash");
        assert_eq!(camel("WithdrawCash"), "withdrawCash");
        assert_eq!((snake("_1"), camel("_"), pascal("_2nd")), ("_1".into(), "_".into(), "_2nd".into()));
    }

    #[test]
    fn no_name_is_a_reserved_word_or_comes_twice() {
        assert_eq!(escape(Language::Rust, "type"), "r#type");
        assert_eq!(escape(Language::Rust, "self"), "self_");
        assert_eq!(escape(Language::Java, "class"), "class_");
        assert_eq!(escape(Language::Python, "amount"), "amount");
        assert_eq!(distinct(["a", "b", "a", "a_2", "a"].map(str::to_owned)), ["a", "b", "a_2", "a_2_2", "a_3"]);
    }

    #[test]
    fn the_lists_of_reserved_words_are_sorted_and_have_no_word_twice() {
        for language in Language::ALL {
            let list = super::reserved(language);
            assert!(list.windows(2).all(|pair| pair[0] < pair[1]), "{language}");
        }
    }
}
