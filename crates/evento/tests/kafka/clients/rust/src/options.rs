//! The options of the command line and the lines of stdout. Nothing here talks to Kafka.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// The JSON object of the command line.
pub struct Options(Value);

impl Options {
    pub fn parse(text: &str) -> Result<Options> {
        Ok(Options(serde_json::from_str(text)?))
    }

    /// A text that must be there.
    pub fn text(&self, name: &str) -> Result<&str> {
        self.0[name].as_str().with_context(|| format!("no {name}"))
    }

    /// A text, or what holds without it.
    pub fn text_or<'a>(&'a self, name: &str, other: &'a str) -> &'a str {
        self.0[name].as_str().unwrap_or(other)
    }

    pub fn number(&self, name: &str) -> Result<i64> {
        self.0[name].as_i64().with_context(|| format!("no {name}"))
    }

    pub fn flag(&self, name: &str) -> bool {
        self.0[name].as_bool().unwrap_or(false)
    }

    pub fn list(&self, name: &str) -> &[Value] {
        self.0[name].as_array().map_or(&[], Vec::as_slice)
    }

    /// Whether a record with this key counts.
    pub fn wants(&self, key: &str) -> bool {
        self.list("prefixes").iter().filter_map(Value::as_str).any(|prefix| key.starts_with(prefix))
    }
}

/// One line of stdout.
pub fn emit(line: Value) {
    println!("{line}");
}

/// All partitions a member owns now.
pub fn emit_assigned(partitions: &[i32]) {
    emit(json!({"assigned": partitions}));
}

/// A flag that is set when stdin ends: the sign to leave.
pub fn stdin_ended() -> Arc<AtomicBool> {
    let ended = Arc::new(AtomicBool::new(false));
    let flag = ended.clone();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        flag.store(true, Ordering::Release);
    });
    ended
}
