//! Why a verb did not do what it was asked: one shape for what the server refused and what failed here.

use evento_model::Code;
use serde_json::{Map, Value, json};

use super::exit::Exit;

/// A failure shown to a person on stderr, or to a program as a problem document (RFC 9457). Boxed, because nearly
/// every function returns one and nearly none does.
#[derive(Debug, Clone)]
pub struct Failure(Box<Report>);

/// What a failure says.
#[derive(Debug, Clone)]
pub struct Report {
    /// The error code, if it has one.
    pub code: Option<Code>,
    /// What happened, in one line.
    pub title: String,
    /// The reason.
    pub why: Option<String>,
    /// What the person can do now.
    pub next: Option<String>,
    /// Single findings: of a file, a field, or candidates for a name.
    pub violations: Vec<Violation>,
    /// The function's own stack or other text shown below, as it came.
    pub extra: Option<String>,
    /// How the program ends.
    pub exit: Exit,
    /// The problem document as the server sent it, for machine output.
    pub document: Option<Value>,
    /// Nothing is to be shown: the reader of stdout went away.
    pub silent: bool,
}

/// One finding in a file or a body.
#[derive(Debug, Clone, Default)]
pub struct Violation {
    /// Its own code, when it has one.
    pub code: Option<Code>,
    /// A warning refuses nothing.
    pub warning: bool,
    /// The resource it speaks of, `kind/name`.
    pub resource: Option<String>,
    /// The file, as the person named it.
    pub file: Option<String>,
    /// Line in the file, from 1; 0 when unknown.
    pub line: usize,
    /// Column in the line in characters, from 1; 0 when unknown.
    pub column: usize,
    /// JSON pointer into the document or body.
    pub pointer: Option<String>,
    /// What is wrong.
    pub message: String,
    /// The reason.
    pub why: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

impl Failure {
    /// A failure with a code of this program, such as 7001.
    pub fn new(code: u16, title: impl Into<String>) -> Failure {
        let mut failure = Failure::plain(Exit::of(Some(code), 0), title);
        failure.code = Some(Code(code));
        failure
    }

    /// A failure without a code.
    pub fn plain(exit: Exit, title: impl Into<String>) -> Failure {
        Failure(Box::new(Report {
            code: None,
            title: title.into(),
            why: None,
            next: None,
            violations: Vec::new(),
            extra: None,
            exit,
            document: None,
            silent: false,
        }))
    }

    /// Wrong usage that the argument parser cannot see.
    pub fn usage(title: impl Into<String>) -> Failure {
        Failure::plain(Exit::Usage, title)
    }

    /// The same with a reason.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Failure {
        self.why = Some(why.into());
        self
    }

    /// The same with a next step.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Failure {
        self.next = Some(next.into());
        self
    }

    /// The same with another exit code.
    #[must_use]
    pub fn exit(mut self, exit: Exit) -> Failure {
        self.exit = exit;
        self
    }

    /// Reads a problem document of the server. Members it does not know are kept in `document`.
    pub fn from_problem(status: u16, document: Value) -> Failure {
        let text = |key: &str| document[key].as_str().map(str::to_owned);
        let code = document["code"].as_str().and_then(Code::parse);
        let candidates: Vec<&str> =
            document["candidates"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let next = match candidates.as_slice() {
            [] => text("help"),
            // The server's own words may have it already.
            _ if document["detail"].as_str().is_some_and(|detail| detail.contains("did you mean")) => None,
            names => Some(format!("did you mean {}?", names.join(" or "))),
        };
        let title = text("title").unwrap_or_else(|| format!("the server answered {status}"));
        let detail = text("detail").filter(|detail| *detail != title);
        // A detail that only counts the violations says nothing that the list below does not.
        let detail = detail.filter(|detail| !detail.ends_with(" violation") && !detail.ends_with(" violations"));
        Failure(Box::new(Report {
            code,
            title,
            why: detail,
            next,
            violations: document["violations"].as_array().into_iter().flatten().map(Violation::from_json).collect(),
            extra: None,
            exit: Exit::of(code.map(|c| c.0), status),
            document: Some(document),
            silent: false,
        }))
    }

    /// The problem document for machine output: the server's own, or one made here.
    pub fn to_problem(&self) -> Value {
        if let Some(document) = &self.document {
            return document.clone();
        }
        let mut problem = Map::new();
        if let Some(code) = self.code {
            problem.insert("type".into(), json!(format!("https://evento.dev/errors/{code}")));
            problem.insert("code".into(), json!(code.to_string()));
        }
        problem.insert("title".into(), json!(self.title));
        if let Some(why) = &self.why {
            problem.insert("detail".into(), json!(why));
        }
        if let Some(next) = &self.next {
            problem.insert("help".into(), json!(next));
        }
        if !self.violations.is_empty() {
            problem.insert("violations".into(), self.violations.iter().map(Violation::to_json).collect());
        }
        Value::Object(problem)
    }
}

impl std::ops::Deref for Failure {
    type Target = Report;

    fn deref(&self) -> &Report {
        &self.0
    }
}

impl std::ops::DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut Report {
        &mut self.0
    }
}

impl Violation {
    /// Reads one entry of a problem's `violations`.
    pub fn from_json(value: &Value) -> Violation {
        let text = |key: &str| value[key].as_str().filter(|t| !t.is_empty()).map(str::to_owned);
        let number = |key: &str| value[key].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        Violation {
            code: value["code"].as_str().and_then(Code::parse),
            warning: value["severity"].as_str() == Some("warning"),
            resource: text("kind").zip(text("name")).map(|(kind, name)| format!("{}/{name}", kind.to_lowercase())),
            file: text("file"),
            line: number("line"),
            column: number("column"),
            pointer: text("pointer"),
            message: text("message").unwrap_or_default(),
            why: text("why"),
            help: text("help"),
        }
    }

    /// The entry as JSON.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                object.insert(key.into(), value);
            }
        };
        put("code", self.code.map(|code| json!(code.to_string())));
        put("severity", self.warning.then(|| json!("warning")));
        let resource = self.resource.as_ref().and_then(|resource| resource.split_once('/'));
        put("kind", resource.map(|(kind, _)| json!(kind)));
        put("name", resource.map(|(_, name)| json!(name)));
        put("file", self.file.as_ref().map(|file| json!(file)));
        put("line", (self.line > 0).then(|| json!(self.line)));
        put("column", (self.column > 0).then(|| json!(self.column)));
        put("pointer", self.pointer.as_ref().map(|pointer| json!(pointer)));
        put("message", Some(json!(self.message)));
        put("why", self.why.as_ref().map(|why| json!(why)));
        put("help", self.help.as_ref().map(|help| json!(help)));
        Value::Object(object)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        let mut causes = error.chain().map(ToString::to_string);
        let title = causes.next().unwrap_or_default();
        let why: Vec<String> = causes.collect();
        let failure = Failure::plain(Exit::Failed, title);
        if why.is_empty() { failure } else { failure.why(why.join(": ")) }
    }
}
