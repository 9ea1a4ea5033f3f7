//! A run: the target is found or started, every rule is asked in its turn, and a report comes out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use evento_function::manifest::Manifest;
use evento_model::FullName;
use evento_schema::avro::Schema;

use crate::generate::Chance;
use crate::probe;
use crate::report::{Findings, Header, Report, RuleResult};
use crate::rules::{RULES, Rule, answers, bad, batch, discovery, load, rule};
use crate::start::Launch;
use crate::subject::{Mode, Subject};
use crate::wire::{Place, Version, Wire};

/// What is to be asked.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who.
    pub target: Target,
    /// As it was named, for the report.
    pub named: String,
    /// What a function without discovery would say of itself.
    pub manifest: Option<Given>,
    /// The framings to check; all that it speaks if none is named.
    pub mode: Option<Mode>,
    /// Whether the S rules are asked.
    pub sdk: bool,
    /// Where generated values come from.
    pub seed: u64,
    /// Ids of the rules to ask; all if there are none.
    pub only: Vec<String>,
    /// Version of Evento, for the report.
    pub version: String,
    /// RFC 3339, for the report.
    pub date: String,
}

/// The function.
#[derive(Clone, Debug)]
pub enum Target {
    /// It runs already, as this instance if that is known.
    Running(Place, Option<String>),
    /// The kit starts it.
    Command(Launch),
}

/// A manifest that did not come from discovery, with its schemas.
pub type Given = (Manifest, HashMap<FullName, Schema>);

/// Reads a manifest with its schemas; the error says what is wrong.
pub fn read_manifest(bytes: &[u8]) -> Result<Given, String> {
    discovery::read(bytes)
}

/// Asks every rule. `told` hears the header once it is known, and each result.
///
/// # Errors
///
/// Words, when there is nobody to ask: the process does not start, or a framing is wanted that it does not speak.
pub async fn run(options: &Options, told: &mut dyn FnMut(Told<'_>)) -> Result<Report, String> {
    let started = match &options.target {
        Target::Running(..) => None,
        Target::Command(launch) => Some(launch.start(None).await?),
    };
    let place = match (&options.target, &started) {
        (Target::Running(place, _), _) => place.clone(),
        (_, Some(started)) => started.place.clone(),
        (Target::Command(_), None) => return Err("nothing was started".to_owned()),
    };
    let instance = match (&options.target, &started) {
        (Target::Running(_, instance), _) => instance.clone(),
        (_, started) => started.as_ref().map(|started| started.instance.clone()),
    };
    let mut run = Run { options, results: Vec::new(), told };
    let (mut findings, begun) = (Findings::default(), Instant::now());
    let known = discovery::f01(&Wire::new(place.clone(), Version::H1), options.manifest.as_ref(), &mut findings).await;
    let mut header = header(options);
    if let (None, Target::Command(_), Some(started)) = (&known, &options.target, &started) {
        findings.note(format!("what it wrote:{}", started.last_words()));
    }
    let subject = match known {
        None => None,
        Some((manifest, schemas)) => {
            let modes = modes(&manifest, options.mode)?;
            header.function = manifest.label.clone();
            header.manifest = format!("sha256:{}", manifest.digest);
            header.modes = modes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let wire = Wire::new(place, Version::H1);
            Some(Arc::new(Subject::new(wire, manifest, schemas, modes, instance)))
        }
    };
    (run.told)(Told::Header(&header));
    run.done(rule("F01"), findings, begun);
    match &subject {
        Some(subject) => run.any(subject).await,
        None => run.rest_skipped("there is no manifest to go by (F01)"),
    }
    if let (Some(subject), true) = (&subject, options.sdk) {
        run.sdk(subject).await;
    }
    if let Some(started) = started {
        started.process.stop().await;
    }
    let results = run.results;
    Ok(Report { header, results })
}

/// What is told while a run goes on.
#[derive(Debug)]
pub enum Told<'a> {
    /// What is asked, once it is known.
    Header(&'a Header),
    /// A rule has ended.
    Result(&'a RuleResult),
}

fn header(options: &Options) -> Header {
    Header {
        date: options.date.clone(),
        evento: options.version.clone(),
        target: options.named.clone(),
        seed: options.seed,
        ..Header::default()
    }
}

/// Why a rule is not asked of a function in this process: there is nothing that could keep or break it.
fn in_process(subject: &Subject, rule: &Rule) -> Option<&'static str> {
    if !subject.is_module() {
        return None;
    }
    match rule.id {
        "F06" => Some("a module gets neither media types nor bodies above its host's limit"),
        "F10" => Some("a module has no connection that could be closed"),
        "S06" => Some("a module has no clock to sleep by; its host ends what takes too long"),
        "S11" | "S12" => Some("nobody but its host can call a module"),
        "S13" => Some("a module has no process that could be told to end"),
        "S14" => Some("a module is called in memory, by no carrier"),
        _ => None,
    }
}

/// The framings to check.
fn modes(manifest: &Manifest, wanted: Option<Mode>) -> Result<Vec<Mode>, String> {
    let spoken: Vec<Mode> = [(manifest.plain, Mode::Plain), (manifest.batch, Mode::Run)]
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, m)| *m)
        .collect();
    match wanted {
        None => Ok(spoken),
        Some(mode) if spoken.contains(&mode) => Ok(vec![mode]),
        Some(mode) => Err(format!("--mode {mode} is wanted, and the manifest does not offer it")),
    }
}

struct Run<'a> {
    options: &'a Options,
    /// Bound: one per rule.
    results: Vec<RuleResult>,
    told: &'a mut dyn FnMut(Told<'_>),
}

impl Run<'_> {
    fn wanted(&self, id: &str) -> bool {
        self.options.only.is_empty() || self.options.only.iter().any(|only| only.eq_ignore_ascii_case(id))
    }

    fn done(&mut self, rule: &'static Rule, findings: Findings, begun: Instant) {
        if self.wanted(rule.id) || findings.faults_total > 0 {
            let result = findings.result(rule, begun.elapsed().as_millis() as u64);
            (self.told)(Told::Result(&result));
            self.results.push(result);
        }
    }

    fn rest_skipped(&mut self, why: &str) {
        let levels = if self.options.sdk { "FS" } else { "F" };
        let rest: Vec<&'static Rule> =
            RULES.iter().filter(|rule| rule.id != "F01" && levels.contains(&rule.id[..1])).collect();
        for rule in rest {
            let mut findings = Findings::default();
            findings.skip(why);
            self.done(rule, findings, Instant::now());
        }
    }

    /// F02 to F10.
    async fn any(&mut self, subject: &Arc<Subject>) {
        for rule in RULES.iter().filter(|rule| rule.id.starts_with('F') && rule.id != "F01") {
            if !self.wanted(rule.id) {
                continue;
            }
            let (mut out, begun) = (Findings::default(), Instant::now());
            if let Some(why) = in_process(subject, rule) {
                out.skip(why);
                self.done(rule, out, begun);
                continue;
            }
            // A chance of its own per rule: asked alone, a rule asks what it asks among all.
            let chance =
                &mut Chance::new(self.options.seed.wrapping_mul(0x100).wrapping_add(u64::from(rule.id.as_bytes()[2])));
            match rule.id {
                "F02" => answers::f02(subject, chance, &mut out).await,
                "F03" => answers::f03(subject, chance, &mut out).await,
                "F04" => bad::f04(subject, chance, &mut out).await,
                "F05" => bad::f05(subject, chance, &mut out).await,
                "F06" => bad::f06(subject, chance, &mut out).await,
                "F07" => batch::f07(subject, chance, &mut out).await,
                "F08" => answers::f08(subject, chance, &mut out).await,
                "F09" => load::f09(subject, chance, &mut out).await,
                _ => load::f10(subject, chance, &mut out).await,
            }
            self.done(rule, out, begun);
        }
    }

    /// S01 to S15.
    async fn sdk(&mut self, subject: &Arc<Subject>) {
        for rule in RULES.iter().filter(|rule| rule.id.starts_with('S')) {
            if !self.wanted(rule.id) {
                continue;
            }
            let (mut out, begun) = (Findings::default(), Instant::now());
            if let Some(why) = in_process(subject, rule) {
                out.skip(why);
                self.done(rule, out, begun);
                continue;
            }
            let seed = self.options.seed.wrapping_mul(0x1_0000);
            let chance =
                &mut Chance::new(seed + u64::from(rule.id.as_bytes()[1]) * 256 + u64::from(rule.id.as_bytes()[2]));
            match (rule.id, &self.options.target) {
                ("S01", _) => probe::s01(subject, &mut out).await,
                _ if !probe::is_probe(subject, &mut Findings::default()) => {
                    out.skip("it has no entity evento.conformance.Probe (S01)");
                }
                ("S02", _) => probe::s02(subject, &mut out).await,
                ("S03", _) => probe::s03(subject, &mut out).await,
                ("S04", _) => probe::s04(subject, &mut out).await,
                ("S05", _) => probe::s05(subject, &mut out).await,
                ("S06", _) => probe::s06(subject, &mut out).await,
                ("S07", _) => probe::s07(subject, &mut out).await,
                ("S08", _) => probe::s08(subject, chance, &mut out).await,
                ("S09", _) => probe::s09(subject, &mut out).await,
                ("S10", _) => probe::s10(subject, &mut out).await,
                ("S12", _) => probe::s12(subject, &mut out).await,
                ("S11", Target::Command(launch)) => probe::s11(subject, launch, &mut out).await,
                ("S13", Target::Command(launch)) => probe::s13(subject, launch, &mut out).await,
                ("S14", Target::Command(launch)) => probe::s14(subject, launch, chance, &mut out).await,
                ("S15", Target::Command(launch)) => probe::s15(subject, launch, chance, &mut out).await,
                ("S15", _) if subject.is_module() => probe::s15_module(subject, chance, &mut out).await,
                _ => out.skip("it needs a process of its own: give the command after --"),
            }
            self.done(rule, out, begun);
        }
    }
}
