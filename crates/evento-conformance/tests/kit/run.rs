//! Runs of the kit, and what they must find.

use std::collections::BTreeMap;
use std::time::Duration;

use evento_conformance::{Launch, Mode, Options, Place, RULES, Report, Target, Verdict, run};

/// Rules that take seconds each: they are asked of their own hostile function only.
const SLOW: [&str; 5] = ["S06", "S11", "S13", "S14", "S15"];

fn launch(program: &str, rule: &str) -> Launch {
    let this = std::env::current_exe().expect("this test").display().to_string();
    let arguments = ["--ignored", "--exact", program, "--nocapture"].map(str::to_owned);
    let environment = [("KIT_PROGRAM", "1"), ("KIT_BREAK", rule)].map(|(n, v)| (n.to_owned(), v.to_owned()));
    Launch {
        command: std::iter::once(this).chain(arguments).collect(),
        folder: std::env::current_dir().expect("a folder"),
        environment: BTreeMap::from(environment),
        start_timeout: Duration::from_secs(60),
        function: "probe".to_owned(),
    }
}

fn options(target: Target, sdk: bool, only: &[&str]) -> Options {
    Options {
        target,
        named: "test".to_owned(),
        manifest: None,
        mode: None,
        sdk,
        seed: 1,
        only: only.iter().map(|id| (*id).to_owned()).collect(),
        version: "test".to_owned(),
        date: "2026-11-23T06:00:00Z".to_owned(),
    }
}

fn asked(options: &Options) -> Result<Report, String> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let report = runtime.block_on(run(options, &mut |_| {}));
    runtime.shutdown_timeout(Duration::from_secs(1));
    report
}

fn text(report: &Report) -> String {
    report.results.iter().map(evento_conformance::RuleResult::text).collect()
}

#[test]
fn the_rust_probe_keeps_every_rule() {
    let report = asked(&options(Target::Command(launch("probe_process", "")), true, &[])).expect("it starts");
    assert!(report.passed(), "{}", text(&report));
    assert_eq!(report.counts().0 + report.counts().2, RULES.len());
    let skipped = report.results.iter().filter(|result| result.verdict != Verdict::Passed);
    assert_eq!(skipped.map(|result| result.rule.id).collect::<Vec<_>>(), Vec::<&str>::new(), "{}", text(&report));
}

/// The rules that a hostile function was found to break.
fn broken_by(rule: &str, sdk: bool, only: &[&str]) -> (Vec<&'static str>, String) {
    let report = asked(&options(Target::Command(launch("hostile_process", rule)), sdk, only)).expect("it starts");
    let failed = report.results.iter().filter(|result| result.verdict == Verdict::Failed);
    (failed.map(|result| result.rule.id).collect(), text(&report))
}

#[test]
fn each_rule_for_any_function_is_broken_alone() {
    for rule in RULES.iter().filter(|rule| rule.id.starts_with('F')) {
        let (broken, text) = broken_by(rule.id, false, &[]);
        assert_eq!(broken, [rule.id], "{text}");
    }
}

#[test]
fn each_rule_for_sdks_is_broken_alone() {
    for rule in RULES.iter().filter(|rule| rule.id.starts_with('S')) {
        let others = RULES.iter().map(|rule| rule.id).filter(|id| id.starts_with('S') && !SLOW.contains(id));
        // One whose process ends is asked alone: there is nothing to ask afterwards.
        let only: Vec<&str> = others.chain(SLOW.contains(&rule.id).then_some(rule.id)).collect();
        let (broken, text) = broken_by(rule.id, true, &only);
        assert_eq!(broken, [rule.id], "{text}");
    }
}

#[test]
fn a_target_that_cannot_be_asked_is_an_error_in_words() {
    let mut ends = launch("no_such_test", "");
    ends.start_timeout = Duration::from_secs(20);
    let error = asked(&options(Target::Command(ends), false, &[])).expect_err("it ends at once");
    assert!(error.contains("it ended before it answered") && error.contains("0 passed"), "{error}");
    let nobody = Place::parse("unix:/nobody.sock").expect("an address");
    let report = asked(&options(Target::Address(nobody), false, &[])).expect("a report");
    assert_eq!(report.counts(), (0, 1, 9), "{}", text(&report));
    assert!(text(&report).contains("no connection to unix:/nobody.sock"), "{}", text(&report));
    let options =
        Options { mode: Some(Mode::Run), ..options(Target::Command(launch("probe_process", "")), false, &["F01"]) };
    assert_eq!(asked(&options).expect("it speaks run").counts(), (1, 0, 0));
}
