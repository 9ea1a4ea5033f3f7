//! The report as JUnit XML: one test suite, one test case per rule, the header as properties.

use super::{Report, RuleResult, Verdict};

pub(super) fn write(report: &Report) -> String {
    let (_, failed, skipped) = report.counts();
    let ms: u64 = report.results.iter().map(|result| result.took_ms).sum();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    out.push_str(&format!(
        "<testsuite name=\"evento conformance\" tests=\"{}\" failures=\"{failed}\" skipped=\"{skipped}\" time=\"{}\" \
         timestamp=\"{}\">\n  <properties>\n",
        report.results.len(),
        seconds(ms),
        escape(&report.header.date)
    ));
    for (name, value) in report.header.rows() {
        out.push_str(&format!("    <property name=\"{name}\" value=\"{}\"/>\n", escape(&value)));
    }
    out.push_str("  </properties>\n");
    report.results.iter().for_each(|result| case(result, &mut out));
    out.push_str("</testsuite>\n");
    out
}

fn case(result: &RuleResult, out: &mut String) {
    let (id, title) = (result.rule.id, escape(result.rule.title));
    let time = seconds(result.took_ms);
    out.push_str(&format!("  <testcase classname=\"evento.conformance\" name=\"{id} {title}\" time=\"{time}\""));
    match &result.verdict {
        Verdict::Passed => out.push_str("/>\n"),
        Verdict::Skipped(why) => {
            out.push_str(&format!(">\n    <skipped message=\"{}\"/>\n  </testcase>\n", escape(why)));
        }
        Verdict::Failed => {
            let demand = escape(result.rule.demand);
            let text = escape(&result.text());
            out.push_str(&format!(">\n    <failure message=\"{demand}\">{text}</failure>\n  </testcase>\n"));
        }
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// Characters that XML 1.0 has no place for are shown as their escapes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::report::{Findings, Header, Report};
    use crate::rules::RULES;

    #[test]
    fn a_report_is_well_formed_xml_whatever_a_function_said() {
        let mut findings = Findings::default();
        findings.fault("a <call> & more", "\"\u{1}\u{ffff}]]>");
        let mut skipped = Findings::default();
        skipped.skip("not \"asked\"");
        let results = vec![findings.result(&RULES[0], 1_250), skipped.result(&RULES[1], 0)];
        let xml = Report { header: Header::default(), results }.junit();
        assert!(xml.contains("tests=\"2\" failures=\"1\" skipped=\"1\" time=\"1.250\""), "{xml}");
        assert!(xml.contains("a &lt;call&gt; &amp; more") && xml.contains("&quot;\\u{1}\\u{ffff}]]&gt;"), "{xml}");
        assert!(xml.contains("<skipped message=\"not &quot;asked&quot;\"/>"), "{xml}");
    }
}
