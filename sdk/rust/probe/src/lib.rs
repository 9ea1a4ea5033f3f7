//! The reference function of the conformance kit, written with the Rust SDK: entity `evento.conformance.Probe`.
//!
//! What each command must do is said in `sdk/conformance/README.md`; `evento conformance --sdk` asks for it.
#![allow(non_snake_case, reason = "fields are called as in the schemas")]

pub mod types;

use std::collections::BTreeMap;
use std::time::Duration;

use evento_sdk::avro::Bytes;
use evento_sdk::{ApplyContext, Events, Failure, all, many, one};
use types::{
    BigDecimal, Choice, Colour, Date, Decimal9, Decimal38, Either, Four, Inner, LocalMicros, LocalMillis, LocalNanos,
    Money, Null, Span, TimeMicros, TimeMillis, TimestampMicros, TimestampMillis, TimestampNanos, Uuid, Uuid16,
};

const MODULUS: i64 = 1_000_000_007;

evento_sdk::record! {
    /// One field of every Avro type and every logical type.
    pub struct Everything("evento.conformance.Everything") {
        aNull: Null,
        aBoolean: bool,
        anInt: i32,
        aLong: i64,
        aFloat: f32,
        aDouble: f64,
        aString: String,
        someBytes: Bytes,
        aFixed: Four,
        anEnum: Colour,
        ints: Vec<i32>,
        matrix: Vec<Vec<f64>>,
        longs: BTreeMap<String, i64>,
        table: Vec<BTreeMap<String, Option<String>>>,
        optionalText: Option<String> = (),
        list: Option<Inner> = (),
        either: Either,
        choice: Choice = (),
        aDecimal: Decimal38,
        fixedDecimal: Money,
        aBigDecimal: BigDecimal,
        aUuid: Uuid,
        fixedUuid: Uuid16,
        aDate: Date,
        timeMillis: TimeMillis,
        timeMicros: TimeMicros,
        timestampMillis: TimestampMillis,
        timestampMicros: TimestampMicros,
        timestampNanos: TimestampNanos,
        localMillis: LocalMillis,
        localMicros: LocalMicros,
        localNanos: LocalNanos,
        aDuration: Span,
        optionalDecimal: Option<Decimal9> = (),
        optionalTimestamp: Option<TimestampMillis> = (),
    }

    /// What the events left behind.
    pub struct Probe("evento.conformance.Probe") {
        count: i64,
        digest: i64,
        rejections: i64,
        totals: BTreeMap<String, i64>,
        last: Option<Everything> = (),
    }

    /// Give the value back.
    pub struct Echo("evento.conformance.Echo") { value: Everything }
    /// Answer n events.
    pub struct EmitMany("evento.conformance.EmitMany") { n: i32 }
    /// Refuse; the state stays.
    pub struct Reject("evento.conformance.Reject") { reason: String }
    /// Refuse; the refusal is counted.
    pub struct RejectAndCount("evento.conformance.RejectAndCount") { reason: String }
    /// Say whether the state has this count.
    pub struct ExpectCount("evento.conformance.ExpectCount") { count: i64 }
    /// End the instance.
    pub struct End("evento.conformance.End") {}
    /// Fail by a panic.
    pub struct Throw("evento.conformance.Throw") { message: String }
    /// Fail for good.
    pub struct Poison("evento.conformance.Poison") { message: String }
    /// Answer an event that apply cannot take.
    pub struct Break("evento.conformance.Break") { message: String }
    /// Block for a while.
    pub struct Sleep("evento.conformance.Sleep") { ms: i32 }
    /// Tell the whole context.
    pub struct Context("evento.conformance.Context") {}
    /// Give the map back.
    pub struct Maps("evento.conformance.Maps") { entries: BTreeMap<String, i64> }

    /// The value of an Echo.
    pub struct Echoed("evento.conformance.Echoed") { value: Everything }
    /// Something small happened.
    pub struct Noted("evento.conformance.Noted") { number: i32, text: String }
    /// Refused. Not applied.
    pub struct Rejected("evento.conformance.Rejected") { reason: String }
    /// Refused, and applied.
    pub struct RejectedAndCounted("evento.conformance.RejectedAndCounted") { reason: String }
    /// The instance has no state any more.
    pub struct Ended("evento.conformance.Ended") {}
    /// Apply fails on it.
    pub struct Broken("evento.conformance.Broken") { message: String }
    /// The context of a Context command.
    pub struct ContextSeen("evento.conformance.ContextSeen") {
        entityId: String,
        seq: i64,
        commandId: String,
        time: TimestampMillis,
        seed: Bytes,
        uuids: Vec<Uuid>,
        randomBytes: Bytes,
        randomLong: i64,
        randomDouble: f64,
        randomBelow: Vec<i64>,
    }
    /// The entries of a Maps.
    pub struct Mapped("evento.conformance.Mapped") { entries: BTreeMap<String, i64> }
}

evento_sdk::entity! {
    pub trait ProbeFunction, host ProbeHost, for Probe, state version 1;
    handle {
        echo: Echo => EchoResult { Echoed },
        emit_many: EmitMany => EmitManyResult { Noted },
        reject: Reject => RejectResult { Rejected },
        reject_and_count: RejectAndCount => RejectAndCountResult { RejectedAndCounted },
        expect_count: ExpectCount => ExpectCountResult { Noted, Rejected },
        end: End => EndResult { Ended },
        throw: Throw => ThrowResult { Noted },
        poison: Poison => PoisonResult { Noted },
        break_it: Break => BreakResult { Noted, Broken },
        sleep: Sleep => SleepResult { Noted },
        context: Context => ContextResult { ContextSeen },
        maps: Maps => MapsResult { Mapped },
    }
    apply {
        on_echoed: Echoed,
        on_noted: Noted,
        on_rejected_and_counted: RejectedAndCounted,
        on_ended: Ended,
        on_broken: Broken,
        on_context_seen: ContextSeen,
        on_mapped: Mapped,
    }
    rejections { Rejected, RejectedAndCounted }
}

/// The probe's rules.
#[derive(Clone, Copy, Debug)]
pub struct Probes;

type Answer<R> = Result<Events<R>, Failure>;

fn noted(number: i32, text: impl Into<String>) -> Noted {
    Noted { number, text: text.into() }
}

/// The state that an event changes, counted.
fn counted(state: Option<Probe>) -> Probe {
    let fresh = Probe { count: 0, digest: 0, rejections: 0, totals: BTreeMap::new(), last: None };
    let state = state.unwrap_or(fresh);
    Probe { count: state.count + 1, ..state }
}

impl ProbeFunction for Probes {
    fn echo(&self, c: Echo, _: Option<&Probe>, _: &evento_sdk::Context) -> Answer<EchoResult> {
        one(Echoed { value: c.value })
    }

    fn emit_many(&self, c: EmitMany, _: Option<&Probe>, _: &evento_sdk::Context) -> Answer<EmitManyResult> {
        all((0..c.n).map(|i| noted(i, format!("note {i}"))))
    }

    fn reject(&self, c: Reject, _: Option<&Probe>, _: &evento_sdk::Context) -> Answer<RejectResult> {
        one(Rejected { reason: c.reason })
    }

    fn reject_and_count(
        &self,
        c: RejectAndCount,
        _: Option<&Probe>,
        _: &evento_sdk::Context,
    ) -> Answer<RejectAndCountResult> {
        one(RejectedAndCounted { reason: c.reason })
    }

    fn expect_count(&self, c: ExpectCount, s: Option<&Probe>, _: &evento_sdk::Context) -> Answer<ExpectCountResult> {
        match s.map_or(0, |state| state.count) {
            count if count == c.count => one(noted(1, "as expected")),
            count => one(Rejected { reason: format!("the count is {count}") }),
        }
    }

    fn end(&self, _: End, _: Option<&Probe>, _: &evento_sdk::Context) -> Answer<EndResult> {
        one(Ended {})
    }

    fn throw(&self, c: Throw, _: Option<&Probe>, _: &evento_sdk::Context) -> Answer<ThrowResult> {
        panic!("{}", c.message)
    }

    fn poison(&self, c: Poison, _: Option<&Probe>, _: &evento_sdk::Context) -> Answer<PoisonResult> {
        Err(Failure::poison(c.message))
    }

    fn break_it(&self, c: Break, _: Option<&Probe>, _: &evento_sdk::Context) -> Answer<BreakResult> {
        many(noted(0, "before"), [Broken { message: c.message }.into()])
    }

    fn sleep(&self, c: Sleep, _: Option<&Probe>, _: &evento_sdk::Context) -> Answer<SleepResult> {
        std::thread::sleep(Duration::from_millis(u64::try_from(c.ms).unwrap_or(0)));
        one(noted(c.ms, "slept"))
    }

    fn context(&self, _: Context, _: Option<&Probe>, cx: &evento_sdk::Context) -> Answer<ContextResult> {
        let randomBytes = Bytes(cx.random().bytes(70));
        let mut random = cx.random();
        one(ContextSeen {
            entityId: cx.entity_id.clone(),
            seq: i64::try_from(cx.seq).unwrap_or(i64::MAX),
            commandId: cx.command_id.clone(),
            time: TimestampMillis(cx.time_ms),
            seed: Bytes(cx.seed.to_vec()),
            uuids: (0..10).map(|n| Uuid(cx.uuid(n))).collect(),
            randomBytes,
            randomLong: random.long(),
            randomDouble: random.double(),
            randomBelow: [1, 6, MODULUS as u64]
                .into_iter()
                .chain([(1 << 62) + 1; 8])
                .map(|n| random.below(n) as i64)
                .collect(),
        })
    }

    fn maps(&self, c: Maps, _: Option<&Probe>, _: &evento_sdk::Context) -> Answer<MapsResult> {
        one(Mapped { entries: c.entries })
    }

    fn on_echoed(&self, e: Echoed, s: Option<Probe>, _: &ApplyContext) -> Option<Probe> {
        Some(Probe { last: Some(e.value), ..counted(s) })
    }

    fn on_noted(&self, e: Noted, s: Option<Probe>, _: &ApplyContext) -> Option<Probe> {
        let state = counted(s);
        let added = i64::from(e.number) + 7 * e.text.len() as i64;
        Some(Probe { digest: (state.digest * 31 + added) % MODULUS, ..state })
    }

    fn on_rejected_and_counted(&self, _: RejectedAndCounted, s: Option<Probe>, _: &ApplyContext) -> Option<Probe> {
        let state = counted(s);
        Some(Probe { rejections: state.rejections + 1, ..state })
    }

    fn on_ended(&self, _: Ended, _: Option<Probe>, _: &ApplyContext) -> Option<Probe> {
        None
    }

    fn on_broken(&self, e: Broken, _: Option<Probe>, _: &ApplyContext) -> Option<Probe> {
        panic!("{}", e.message)
    }

    fn on_context_seen(&self, _: ContextSeen, s: Option<Probe>, cx: &ApplyContext) -> Option<Probe> {
        Some(Probe { totals: BTreeMap::from([(cx.entity_id.clone(), cx.time_ms)]), ..counted(s) })
    }

    fn on_mapped(&self, e: Mapped, s: Option<Probe>, _: &ApplyContext) -> Option<Probe> {
        Some(Probe { totals: e.entries, ..counted(s) })
    }
}
