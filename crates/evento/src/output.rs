//! What people and programs see: data to stdout in the chosen form, everything else to stderr.

pub mod change;
pub mod form;
pub mod patch;
pub mod problem;
pub mod progress;
pub mod style;
pub mod table;
pub mod time;
pub mod value;
pub mod yaml;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::Mutex;

use serde_json::Value;

use crate::cli::failure::Failure;
use form::Form;
use style::Style;
use time::TimeFormat;

/// Where a verb prints to.
pub struct Output {
    /// The form of data on stdout.
    pub form: Form,
    /// How times look in tables.
    pub time_format: TimeFormat,
    /// Colours of stdout.
    pub style: Style,
    /// Colours of stderr.
    pub error_style: Style,
    /// Columns of the terminal; `None` off a terminal or in wide tables, where nothing is cut.
    pub width: Option<usize>,
    /// Errors only.
    pub quiet: bool,
    /// 0, 1 for notes, 2 for HTTP requests.
    pub verbosity: u8,
    // Bound: one buffer of 8 KiB; it is flushed after every document or line of a stream.
    stdout: Mutex<BufWriter<io::Stdout>>,
}

/// What the person asked for about output.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// `-o`.
    pub form: Form,
    /// `--time-format`.
    pub time_format: TimeFormat,
    /// `--color`.
    pub colour: style::Colour,
    /// `-q`.
    pub quiet: bool,
    /// `-v`, counted.
    pub verbosity: u8,
}

impl Output {
    /// Looks at the terminal once and settles colours and width.
    pub fn new(wish: Wish) -> Output {
        let terminal = io::stdout().is_terminal();
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Output {
            form: wish.form,
            time_format: wish.time_format,
            style: wish.colour.style(terminal),
            error_style: wish.colour.style(io::stderr().is_terminal()),
            width: width.filter(|_| terminal && wish.form != Form::Wide),
            quiet: wish.quiet,
            verbosity: wish.verbosity,
            stdout: Mutex::new(BufWriter::new(io::stdout())),
        }
    }

    /// Whether tables and prose are shown rather than a machine form.
    pub fn for_people(&self) -> bool {
        matches!(self.form, Form::Table | Form::Wide)
    }

    /// Writes text to stdout as it is and flushes.
    pub fn text(&self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }

    /// Writes bytes to stdout and flushes.
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = self.stdout.lock().map_err(|_| Failure::gone())?;
        stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::gone(),
            _ => Failure::plain(crate::cli::exit::Exit::Failed, format!("writing to stdout failed: {error}")),
        })
    }

    /// Writes one document in a machine form. In a form for people it is written as YAML.
    pub fn document(&self, value: &Value) -> Result<(), Failure> {
        self.text(&self.form.document(value))
    }

    /// Writes one object of an endless stream: one line of JSON, or one YAML document.
    pub fn item(&self, value: &Value) -> Result<(), Failure> {
        match self.form {
            Form::Yaml => self.text(&format!("---\n{}", yaml::to_yaml(value))),
            _ => self.text(&format!("{value}\n")),
        }
    }

    /// A line on stderr that `-q` hides.
    pub fn note(&self, line: impl AsRef<str>) {
        if !self.quiet {
            eprintln!("{}", line.as_ref());
        }
    }

    /// A line on stderr shown at this verbosity or a higher one.
    pub fn trace(&self, verbosity: u8, line: impl FnOnce() -> String) {
        if self.verbosity >= verbosity {
            eprintln!("{}", line());
        }
    }
}
