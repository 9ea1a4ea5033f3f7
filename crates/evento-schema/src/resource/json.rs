//! JSON text (RFC 8259) to a tree with places.
//!
//! Why not through the YAML reader: JSON has escapes and tabs that YAML does not take. Why not through a
//! general JSON reader: it forgets places and lets the last of two equal keys win.

use std::collections::HashSet;
use std::sync::Arc;

use super::finding::{Finding, Findings, Place};
use super::node::{Content, Entry, NESTING_MAX, Node};
use super::yaml::FILE_BYTES_MAX;

/// Reads one JSON value.
pub(crate) fn parse(file: &Arc<str>, text: &str, findings: &mut Findings) -> Option<Node> {
    let mut reader = Reader { file, text, at: 0, line: 1, line_start: 0, findings };
    let read = reader.document();
    read.map_err(|finding| findings.push(*finding)).ok()
}

struct Reader<'a> {
    file: &'a Arc<str>,
    text: &'a str,
    /// Byte index of the next character.
    at: usize,
    line: u32,
    /// Byte index at which the line begins.
    line_start: usize,
    findings: &'a mut Findings,
}

type Read<T> = Result<T, Box<Finding>>;

impl Reader<'_> {
    fn document(&mut self) -> Read<Node> {
        if self.text.len() > FILE_BYTES_MAX {
            return Err(self.fault(format!("the file has {} bytes, at most 1 MiB is read", self.text.len())));
        }
        let node = self.value(0)?;
        self.blank();
        match self.peek() {
            None => Ok(node),
            Some(_) => Err(self.fault("not JSON: text after the end of the value")),
        }
    }

    fn value(&mut self, depth: usize) -> Read<Node> {
        self.blank();
        let place = self.place();
        let content = match self.peek() {
            Some(b'{' | b'[') if depth >= NESTING_MAX => {
                return Err(self.fault(format!("nested deeper than {NESTING_MAX} levels")));
            }
            Some(b'{') => self.map(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Content::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Node { place, content })
    }

    fn map(&mut self, depth: usize) -> Read<Content> {
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        self.at += 1;
        if self.closes(b'}') {
            return Ok(Content::Map(entries));
        }
        loop {
            self.blank();
            let key_place = self.place();
            if self.peek() != Some(b'"') {
                return Err(self.fault("not JSON: a key in double quotes is expected"));
            }
            let key = self.string()?;
            self.expect(b':')?;
            let value = self.value(depth + 1)?;
            if seen.insert(key.clone()) {
                entries.push(Entry { key, key_place, value });
            } else {
                self.findings.push(Finding::error(2001, &key_place, "", format!("the key {key} stands here twice")));
            }
            if self.closes(b'}') {
                return Ok(Content::Map(entries));
            }
            self.expect(b',')?;
        }
    }

    fn list(&mut self, depth: usize) -> Read<Content> {
        let mut items = Vec::new();
        self.at += 1;
        if self.closes(b']') {
            return Ok(Content::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.closes(b']') {
                return Ok(Content::List(items));
            }
            self.expect(b',')?;
        }
    }

    /// The text of a string, its escapes resolved by the JSON library.
    fn string(&mut self) -> Read<String> {
        let start = self.at;
        let mut index = start + 1;
        let bytes = self.text.as_bytes();
        while index < bytes.len() && bytes[index] != b'"' && bytes[index] != b'\n' {
            index += if bytes[index] == b'\\' { 2 } else { 1 };
        }
        let raw = self.text.get(start..index + 1);
        match raw.and_then(|raw| serde_json::from_str::<String>(raw).ok()) {
            Some(text) => {
                self.at = index + 1;
                Ok(text)
            }
            None => Err(self.fault("not JSON: a string that does not end or has a wrong escape")),
        }
    }

    fn number(&mut self) -> Read<Content> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(rest.len());
        let Ok(number) = serde_json::from_str(&rest[..end]) else {
            return Err(self.fault(format!("not JSON: {} is not a number", &rest[..end])));
        };
        self.at += end;
        Ok(Content::Number(number))
    }

    fn word(&mut self) -> Read<Content> {
        let words = [("null", Content::Null), ("true", Content::Bool(true)), ("false", Content::Bool(false))];
        for (word, content) in words {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(content);
            }
        }
        Err(self.fault(match self.peek() {
            None => "not JSON: the text ends too early",
            Some(_) => "not JSON: a value is expected",
        }))
    }

    /// Whether the next character closes what is open; it is taken then.
    fn closes(&mut self, bracket: u8) -> bool {
        self.blank();
        let closes = self.peek() == Some(bracket);
        self.at += usize::from(closes);
        closes
    }

    fn expect(&mut self, wanted: u8) -> Read<()> {
        self.blank();
        if self.peek() != Some(wanted) {
            return Err(self.fault(format!("not JSON: {:?} is expected", char::from(wanted))));
        }
        self.at += 1;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = self.peek() {
            self.at += 1;
            if byte == b'\n' {
                self.line += 1;
                self.line_start = self.at;
            }
        }
    }

    fn place(&self) -> Place {
        // A column counts characters, so that people and editors agree on it. Very long lines are counted by bytes:
        // nobody reads a column there, and counting each time would cost the square of the length.
        let before = &self.text.as_bytes()[self.line_start..self.at];
        let column = match before.len() {
            0..=1_000 => before.iter().filter(|byte| **byte & 0xc0 != 0x80).count(),
            bytes => bytes,
        };
        Place { file: Arc::clone(self.file), line: self.line, column: column as u32 + 1 }
    }

    fn fault(&self, message: impl Into<String>) -> Box<Finding> {
        Box::new(Finding::error(2001, &self.place(), "", message))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::finding::Findings;
    use super::parse;

    fn read(text: &str) -> Result<Value, (u32, u32, String)> {
        let mut findings = Findings::default();
        let node = parse(&"a.avsc".into(), text, &mut findings);
        match findings.verdict() {
            Ok(_) => Ok(node.unwrap().value()),
            Err(found) => Err((found[0].line, found[0].column, found[0].message.clone())),
        }
    }

    #[test]
    fn json_reads_as_the_library_reads_it() {
        let text = "\t{\"a\": [1, -2.5e3, true, false, null, \"\\ud83e\\udd80 \\/ \\\"\"],\r\n\t\"ä\": {\"b\": []}, \"c\": {}}\n";
        assert_eq!(read(text), Ok(serde_json::from_str(text).unwrap()));
        assert_eq!(read("18446744073709551615"), Ok(json!(u64::MAX)));
    }

    #[test]
    fn faults_have_a_place_in_characters() {
        let table = [
            ("", 1, 1, "ends too early"),
            ("{\n \"ä\": x}", 2, 7, "a value is expected"),
            ("{\"a\": 1,\n \"a\": 2}", 2, 2, "the key a stands here twice"),
            ("[1 2]", 1, 4, "',' is expected"),
            ("{a: 1}", 1, 2, "a key in double quotes"),
            ("[01]", 1, 2, "01 is not a number"),
            ("\"a\nb\"", 1, 1, "does not end"),
            ("\"a\\", 1, 1, "does not end"),
            ("\"\\q\"", 1, 1, "wrong escape"),
            ("1 2", 1, 3, "after the end"),
        ];
        for (text, line, column, message) in table {
            let (l, c, m) = read(text).unwrap_err();
            assert_eq!((l, c), (line, column), "{text}: {m}");
            assert!(m.contains(message), "{text}: {m}");
        }
    }

    #[test]
    fn a_thousand_open_brackets_are_refused_without_falling_over() {
        assert!(read(&"[".repeat(100_000)).unwrap_err().2.contains("64 levels"));
        assert!(read(&format!("{}{}", "[".repeat(64), "]".repeat(64))).is_ok());
    }
}
