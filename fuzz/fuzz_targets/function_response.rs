//! What a function answers: a response to a request of one or two works, and the events of a plain reply.

#![no_main]

use bytes::Bytes;
use evento_function::envelope::{read_events, read_response};
use evento_function::{RunRequest, Step, StepKind, Want, Work};
use evento_model::{EntityId, FullName, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [chosen, body @ ..] = data else { return };
    let body = Bytes::copy_from_slice(body);
    let request = request(*chosen);
    if let Ok(response) = read_response(&body, &request) {
        assert_eq!(response.results.len(), request.work.len());
    }
    let _ = read_events(&body);
});

fn request(chosen: u8) -> RunRequest {
    let name = |text| FullName::new(text).expect("a valid name");
    let kind = if chosen & 1 == 0 { StepKind::Command } else { StepKind::Event };
    let step = Step {
        type_name: name("bank.DepositCash"),
        payload: Bytes::new(),
        id: "c".into(),
        time: Timestamp(0),
        seed: None,
        attempt: 1,
        traceparent: None,
    };
    let work = |reference| Work {
        reference,
        entity_id: EntityId::new("a").expect("a valid id"),
        seq: 0,
        state: None,
        kind,
        want: [Want::None, Want::Final, Want::Each, Want::Each][usize::from(chosen >> 1 & 3)],
        steps: vec![step.clone(); 1 + usize::from(chosen >> 3 & 1)],
    };
    // The number of the golden answers comes first.
    let work = [7, 0].map(work).into_iter().take(1 + usize::from(chosen >> 4 & 1)).collect();
    RunRequest { entity: name("bank.Account"), work }
}
