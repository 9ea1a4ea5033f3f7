//! Which calls are made twice, with what, and what counts as a difference.

use std::sync::Arc;

use bytes::Bytes;
use evento_function::{Emitted, RunRequest, RunResponse, Step, StepKind, StepOutcome, Want, Work, WorkResult};
use evento_model::{Digest, EntityId, FullName, Revision, Timestamp};
use evento_schema::binding::{Declaration, DeclaredEntity, Limits, parse_schema_list};
use evento_schema::resource::Purity;
use serde_json::json;

use super::Watch;

fn name(text: &str) -> FullName {
    FullName::new(text).expect("a name")
}

fn declaration() -> Declaration {
    let schemas = json!([{"type": "record", "name": "Account", "namespace": "bank", "fields": [
        {"name": "balance", "type": "long"}, {"name": "tags", "type": {"type": "map", "values": "int"}}]}]);
    let schemas = schemas.as_array().expect("a list").clone();
    Declaration {
        function: evento_model::ResourceName::new("accounts").expect("a name"),
        revision: Revision(Digest([0; 32])),
        schemas: parse_schema_list(&schemas).expect("it is valid"),
        entities: vec![DeclaredEntity {
            name: name("bank.Account"),
            handles: Vec::new(),
            applies: vec![name("bank.Paid")],
            rejections: vec![name("bank.Refused")],
            state_version: 1,
        }],
        limits: Limits::default(),
    }
}

fn step(type_name: &str) -> Step {
    let (payload, id) = (Bytes::from_static(b"\x02"), Arc::from("c-1"));
    Step { type_name: name(type_name), payload, id, time: Timestamp(7), seed: None, attempt: 1, traceparent: None }
}

fn request() -> RunRequest {
    let work = Work {
        reference: 1,
        entity_id: EntityId::new("alice").expect("an id"),
        seq: 0,
        state: None,
        kind: StepKind::Command,
        want: Want::Each,
        steps: vec![step("bank.Pay"), step("bank.Pay")],
    };
    RunRequest { entity: name("bank.Account"), work: vec![work] }
}

fn answer(outcomes: Vec<StepOutcome>) -> RunResponse {
    RunResponse { results: vec![WorkResult { outcomes, failure: None }] }
}

fn outcome(event: &str, state: &'static [u8]) -> StepOutcome {
    let events = vec![Emitted { type_name: Arc::from(event), payload: Bytes::from_static(b"\x02") }];
    StepOutcome { events, states: vec![Some(Bytes::from_static(state))] }
}

fn state_only(state: &'static [u8]) -> StepOutcome {
    StepOutcome { events: Vec::new(), states: vec![Some(Bytes::from_static(state))] }
}

/// Balance 1, tags a and b, in one order and in the other.
const AB: &[u8] = b"\x02\x04\x02a\x02\x02b\x04\x00";
const BA: &[u8] = b"\x02\x04\x02b\x04\x02a\x02\x00";
const OTHER: &[u8] = b"\x04\x04\x02a\x02\x02b\x04\x00";

#[test]
fn the_events_that_apply_covers_are_asked_again_on_the_same_state_at_the_same_time() {
    let watch = Watch::new(&declaration(), Purity::Refuse, true);
    let first = answer(vec![outcome("bank.Refused", AB), outcome("bank.Paid", AB)]);
    let again = watch.again(&request(), &first).expect("every call in development");
    let work = &again.request.work[0];
    assert_eq!((work.kind, work.state.clone(), work.steps.len()), (StepKind::Event, None, 1));
    assert_eq!((work.steps[0].type_name.as_str(), work.steps[0].time), ("bank.Paid", Timestamp(7)));
}

#[test]
fn one_call_in_so_many_is_checked() {
    let first = answer(vec![outcome("bank.Paid", AB)]);
    for (every, checked) in [(1, 1_000), (20, 50), (100, 10), (0, 0)] {
        let watch = Watch::new(&declaration(), Purity::Refuse, false).sampled(every);
        let found = (0..1_000).filter(|_| watch.again(&request(), &first).is_some()).count();
        assert_eq!(found, checked, "one in {every}");
    }
}

#[test]
fn another_order_of_a_map_is_no_difference_and_another_value_stops_the_revision() {
    let watch = Watch::new(&declaration(), Purity::Refuse, false);
    let again = watch.again(&request(), &answer(vec![outcome("bank.Paid", AB)])).expect("the first call");
    assert_eq!(watch.compare(&again, &answer(vec![state_only(BA)])), None);
    assert_eq!(watch.refusal(), None);
    let found = watch.compare(&again, &answer(vec![state_only(OTHER)])).expect("a difference");
    assert_eq!((found.code.0, found.detail.as_str()), (3010, "alice: balance 1 → 2"));
    assert_eq!(watch.refusal(), Some(found));
}

#[test]
fn a_warning_is_given_once_and_stops_nothing() {
    for watch in [Watch::new(&declaration(), Purity::Refuse, true), Watch::new(&declaration(), Purity::Warn, false)] {
        let again = watch.again(&request(), &answer(vec![outcome("bank.Paid", AB)])).expect("the first call");
        let told = (0..3).filter(|_| watch.compare(&again, &answer(vec![state_only(OTHER)])).is_some()).count();
        assert_eq!((told, watch.refusal()), (1, None));
    }
}
