//! The reference function of the conformance kit (`sdk/conformance`), written with the Rust SDK as anybody would.
//!
//! The types are made by `evento gen rust --resources ../../conformance/resources --out src/conformance`.

pub mod conformance;

use std::collections::BTreeMap;
use std::time::Duration;

use evento_sdk::{ApplyContext, Decision, Failure, all, many, one};

pub use conformance::*;

/// The probe's rules.
#[derive(Clone, Copy, Debug)]
pub struct Probes;

evento_sdk::export!(ProbeHost(Probes));

/// Draws below this are refused and drawn again about half of the time.
const WIDE: i64 = 4_611_686_018_427_387_905;

/// What apply starts from.
fn begun(state: Option<Probe>) -> Probe {
    state.unwrap_or(Probe { count: 0, digest: 0, rejections: 0, totals: BTreeMap::new(), last: None })
}

/// The state with one event more.
fn counted(state: Option<Probe>) -> Probe {
    let probe = begun(state);
    Probe { count: probe.count + 1, ..probe }
}

impl ProbeFunction for Probes {
    fn echo(&self, command: Echo, _: Option<&Probe>, _: &evento_sdk::Context) -> Decision<EchoResult> {
        one(Echoed { value: command.value })
    }

    fn emit_many(&self, command: EmitMany, _: Option<&Probe>, _: &evento_sdk::Context) -> Decision<EmitManyResult> {
        all((0..command.n).map(|n| Noted { number: n, text: format!("note {n}") }))
    }

    fn reject(&self, command: Reject, _: Option<&Probe>, _: &evento_sdk::Context) -> Decision<RejectResult> {
        one(Rejected { reason: command.reason })
    }

    fn reject_and_count(
        &self,
        command: RejectAndCount,
        _: Option<&Probe>,
        _: &evento_sdk::Context,
    ) -> Decision<RejectAndCountResult> {
        one(RejectedAndCounted { reason: command.reason })
    }

    fn expect_count(
        &self,
        command: ExpectCount,
        state: Option<&Probe>,
        _: &evento_sdk::Context,
    ) -> Decision<ExpectCountResult> {
        match state.map_or(0, |probe| probe.count) {
            count if count == command.count => one(Noted { number: 1, text: "as expected".to_owned() }),
            count => one(Rejected { reason: format!("the count is {count}") }),
        }
    }

    fn end(&self, _: End, _: Option<&Probe>, _: &evento_sdk::Context) -> Decision<EndResult> {
        one(Ended {})
    }

    fn throw(&self, command: Throw, _: Option<&Probe>, _: &evento_sdk::Context) -> Decision<ThrowResult> {
        panic!("{}", command.message)
    }

    fn poison(&self, command: Poison, _: Option<&Probe>, _: &evento_sdk::Context) -> Decision<PoisonResult> {
        Err(Failure::poison(command.message))
    }

    fn r#break(&self, command: Break, _: Option<&Probe>, _: &evento_sdk::Context) -> Decision<BreakResult> {
        let broken = Broken { message: command.message };
        many(Noted { number: 0, text: "before".to_owned() }, [broken.into()])
    }

    fn sleep(&self, command: Sleep, _: Option<&Probe>, _: &evento_sdk::Context) -> Decision<SleepResult> {
        std::thread::sleep(Duration::from_millis(u64::try_from(command.ms).unwrap_or(0)));
        one(Noted { number: command.ms, text: "slept".to_owned() })
    }

    fn context(&self, _: Context, _: Option<&Probe>, context: &evento_sdk::Context) -> Decision<ContextResult> {
        let random_bytes = context.random().bytes::<70>().to_vec();
        let random = context.random();
        let (random_long, random_double) = (random.long(), random.double());
        let below = [1, 6, 1_000_000_007].into_iter().chain([WIDE; 8]);
        one(ContextSeen {
            entity_id: context.entity_id.clone(),
            seq: context.seq as i64,
            command_id: context.command_id.clone(),
            time: context.time,
            seed: context.seed.to_vec(),
            uuids: (0..10).map(|n| context.uuid(n)).collect(),
            random_bytes,
            random_long,
            random_double,
            random_below: below.map(|bound| random.below(bound)).collect(),
        })
    }

    fn maps(&self, command: Maps, _: Option<&Probe>, _: &evento_sdk::Context) -> Decision<MapsResult> {
        one(Mapped { entries: command.entries })
    }

    fn on_echoed(&self, event: Echoed, state: Option<Probe>, _: &ApplyContext) -> Option<Probe> {
        Some(Probe { last: Some(event.value), ..counted(state) })
    }

    fn on_noted(&self, event: Noted, state: Option<Probe>, _: &ApplyContext) -> Option<Probe> {
        let probe = counted(state);
        let digest = (probe.digest * 31 + i64::from(event.number) + 7 * event.text.len() as i64) % 1_000_000_007;
        Some(Probe { digest, ..probe })
    }

    fn on_rejected_and_counted(&self, _: RejectedAndCounted, state: Option<Probe>, _: &ApplyContext) -> Option<Probe> {
        let probe = counted(state);
        Some(Probe { rejections: probe.rejections + 1, ..probe })
    }

    fn on_ended(&self, _: Ended, _: Option<Probe>, _: &ApplyContext) -> Option<Probe> {
        None
    }

    fn on_broken(&self, event: Broken, _: Option<Probe>, _: &ApplyContext) -> Option<Probe> {
        panic!("{}", event.message)
    }

    fn on_context_seen(&self, _: ContextSeen, state: Option<Probe>, context: &ApplyContext) -> Option<Probe> {
        let totals = BTreeMap::from([(context.entity_id.clone(), context.time.as_millis())]);
        Some(Probe { totals, ..counted(state) })
    }

    fn on_mapped(&self, event: Mapped, state: Option<Probe>, _: &ApplyContext) -> Option<Probe> {
        Some(Probe { totals: event.entries, ..counted(state) })
    }
}
