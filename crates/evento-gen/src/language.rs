//! The languages code is made for.

use std::fmt;
use std::str::FromStr;

/// A language.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Language {
    /// Rust, on the crate `evento-sdk`.
    Rust,
    /// Python 3.10 and later, on the package `evento-sdk`.
    Python,
    /// TypeScript for Node 20, Bun and Deno, on the package `@evento/sdk`.
    TypeScript,
    /// Java 17 and later, on `dev.evento:evento-sdk`.
    Java,
    /// Go 1.24 and later, on the module `evento.dev/sdk/go`.
    Go,
}

impl Language {
    /// Every language, in the order people are shown them.
    pub const ALL: [Language; 5] =
        [Language::Rust, Language::Python, Language::TypeScript, Language::Java, Language::Go];

    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::Python => "python",
            Language::TypeScript => "typescript",
            Language::Java => "java",
            Language::Go => "go",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Language::Rust => "Rust",
            Language::Python => "Python",
            Language::TypeScript => "TypeScript",
            Language::Java => "Java",
            Language::Go => "Go",
        })
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Language, String> {
        let all = Language::ALL.map(Language::word).join(", ");
        Language::ALL
            .into_iter()
            .find(|language| language.word() == text)
            .ok_or_else(|| format!("there is no language {text}; there is {all}"))
    }
}
