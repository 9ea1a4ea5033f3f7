//! Colour, when the reader wants it. No meaning is carried by colour alone.

use clap::ValueEnum;

/// `--color`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set; also when CLICOLOR_FORCE is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Paints words, or leaves them as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Style {
    on: bool,
}

impl Colour {
    /// Settles the choice for one stream.
    pub fn style(self, terminal: bool) -> Style {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        let on = match self {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => !set("NO_COLOR") && (set("CLICOLOR_FORCE") || terminal),
        };
        Style { on }
    }
}

impl Style {
    /// Never paints.
    pub const PLAIN: Style = Style { on: false };

    /// For errors and rejections.
    pub fn red(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// For warnings and waiting.
    pub fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// For what went well.
    pub fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// For names and headings.
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// For what matters least.
    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// An outcome or a status in its colour.
    pub fn status(self, word: &str) -> String {
        match word {
            "accepted" | "ready" | "done" | "created" => self.green(word),
            "rejected" | "abandoned" | "parked" | "failed" | "deleted" => self.red(word),
            "queued" | "waiting" | "running" | "retrying" | "changed" => self.yellow(word),
            _ => word.to_owned(),
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
