//! Runs of the kit, and what they must find.

use std::collections::BTreeMap;
use std::time::Duration;

use evento_conformance::{Launch, Mode, Options, Place, RULES, Report, Target, Verdict, run};

/// Rules that take seconds each: they are asked of their own hostile function only.
const SLOW: [&str; 6] = ["S06", "S10", "S11", "S13", "S14", "S15"];

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

/// That the hostile function for a rule is found to break it, and nothing else that it is asked.
fn breaks_alone(rule: &str) {
    let sdk = rule.starts_with('S');
    let others = RULES.iter().map(|rule| rule.id).filter(|id| id.starts_with('S') && !SLOW.contains(id));
    let only: Vec<&str> = match sdk {
        true => others.filter(|id| *id != rule).chain([rule]).collect(),
        false => Vec::new(),
    };
    let (broken, text) = broken_by(rule, sdk, &only);
    assert_eq!(broken, [rule], "{text}");
}

macro_rules! hostile {
    ($($test:ident $rule:literal)*) => {$(
        #[test]
        fn $test() {
            breaks_alone($rule);
        }
    )*};
}

hostile! {
    a_manifest_of_another_type_breaks_f01_alone "F01"
    an_event_that_is_not_declared_breaks_f02_alone "F02"
    an_apply_that_differs_breaks_f03_alone "F03"
    a_500_for_an_unknown_name_breaks_f04_alone "F04"
    an_event_for_bad_bytes_breaks_f05_alone "F05"
    a_400_for_a_media_type_breaks_f06_alone "F06"
    a_batch_that_fails_as_a_whole_breaks_f07_alone "F07"
    another_answer_in_plain_breaks_f08_alone "F08"
    the_answer_to_another_call_breaks_f09_alone "F09"
    a_server_that_a_cut_connection_wedges_breaks_f10_alone "F10"
    a_changed_byte_breaks_s01_alone "S01"
    a_500_for_no_event_breaks_s02_alone "S02"
    another_reason_breaks_s03_alone "S03"
    a_state_after_the_end_breaks_s04_alone "S04"
    a_500_for_poison_breaks_s05_alone "S05"
    a_late_answer_breaks_s06_alone "S06"
    another_context_breaks_s07_alone "S07"
    unsorted_keys_break_s08_alone "S08"
    a_refused_chain_breaks_s09_alone "S09"
    a_refused_replay_breaks_s10_alone "S10"
    a_server_without_identity_breaks_s11_alone "S11"
    a_server_without_instance_breaks_s12_alone "S12"
    an_exit_with_3_breaks_s13_alone "S13"
    a_server_that_fails_on_tcp_breaks_s14_alone "S14"
    a_server_that_noise_ends_breaks_s15_alone "S15"
}

#[test]
fn every_rule_has_a_hostile_function() {
    let this = include_str!("run.rs");
    assert!(RULES.iter().all(|rule| this.contains(&format!("_alone \"{}\"", rule.id))));
}

#[test]
fn a_target_that_cannot_be_asked_is_an_error_in_words() {
    let mut ends = launch("no_such_test", "");
    ends.start_timeout = Duration::from_secs(20);
    let error = asked(&options(Target::Command(ends), false, &[])).expect_err("it ends at once");
    assert!(error.contains("it ended before it answered") && error.contains("0 passed"), "{error}");
    let nobody = Place::parse("unix:/nobody.sock").expect("an address");
    let report = asked(&options(Target::Running(nobody, None), false, &[])).expect("a report");
    assert_eq!(report.counts(), (0, 1, 9), "{}", text(&report));
    assert!(text(&report).contains("no connection to unix:/nobody.sock"), "{}", text(&report));
    let options =
        Options { mode: Some(Mode::Run), ..options(Target::Command(launch("probe_process", "")), false, &["F01"]) };
    assert_eq!(asked(&options).expect("it speaks run").counts(), (1, 0, 0));
}
