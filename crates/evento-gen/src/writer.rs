//! Text with indentation.

/// Writes lines of code; what is inside a block is indented.
#[derive(Clone, Debug)]
pub struct Writer {
    text: String,
    unit: &'static str,
    depth: usize,
}

impl Writer {
    /// Begins a text whose blocks are indented by `unit` (four spaces, a tab).
    pub fn new(unit: &'static str) -> Writer {
        Writer { text: String::new(), unit, depth: 0 }
    }

    /// Writes one line, or several separated by `\n`; an empty one gets no indentation.
    pub fn line(&mut self, text: impl AsRef<str>) -> &mut Writer {
        for line in text.as_ref().split('\n') {
            if !line.is_empty() {
                self.text.extend(std::iter::repeat_n(self.unit, self.depth));
                self.text.push_str(line);
            }
            self.text.push('\n');
        }
        self
    }

    /// Writes an empty line.
    pub fn blank(&mut self) -> &mut Writer {
        self.text.push('\n');
        self
    }

    /// Writes `open`, what `body` writes one step further in, then `close` (nothing when it is empty).
    pub fn block(&mut self, open: impl AsRef<str>, close: impl AsRef<str>, body: impl FnOnce(&mut Writer)) {
        self.line(open);
        self.depth += 1;
        body(self);
        self.depth -= 1;
        if !close.as_ref().is_empty() {
            self.line(close);
        }
    }

    /// Writes each line of a text behind a comment sign, such as `///` or `#`; nothing for a text of blanks.
    pub fn comment(&mut self, sign: &str, text: &str) -> &mut Writer {
        for line in text.trim().lines() {
            let line = format!("{sign} {}", line.trim_end());
            self.line(line.trim_end());
        }
        self
    }

    /// What was written.
    pub fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::Writer;

    #[test]
    fn blocks_are_indented_and_empty_lines_are_empty() {
        let mut out = Writer::new("  ");
        out.comment("//", "What it is.\n\nMore of it.  \n");
        out.block("fn a() {", "}", |out| {
            out.line("one;\n\ntwo;").blank();
            out.block("if b {", "}", |out| {
                out.line("three;");
            });
        });
        let wanted = "// What it is.\n//\n// More of it.\nfn a() {\n  one;\n\n  two;\n\n  if b {\n    three;\n  }\n}\n";
        assert_eq!(out.finish(), wanted);
    }
}
