//! Whatever bytes a function answers, reading them ends with a value or an error.

use bytes::Bytes;
use evento_function::envelope::{read_events, read_response};
use evento_function::manifest;
use proptest::prelude::*;

use crate::peer::{golden, request};

fn read(body: &Bytes) {
    if let Ok(response) = read_response(body, &request()) {
        assert_eq!(response.results.len(), request().work.len());
    }
    let _ = read_events(body);
}

const MANIFEST: &str = r#"{"manifestVersion":1,"protocol":{"min":1,"max":1,"modes":["run"],"http":["2"]},"schemas":["int"],
"entities":[{"name":"bank.Account","handles":[{"command":"bank.Open","emits":["bank.Opened"]}],"stateVersion":1}]}"#;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

    #[test]
    fn chance_bytes_are_an_answer_or_an_error(bytes: Vec<u8>) {
        let _ = manifest::read(&bytes);
        read(&Bytes::from(bytes));
    }

    #[test]
    fn a_changed_answer_is_an_answer_or_an_error(changes in prop::collection::vec((any::<u16>(), any::<u8>()), 1..5)) {
        for name in ["run-response.hex", "run-response-poison.hex", "events.hex"] {
            let mut bytes = golden(name).to_vec();
            for (at, byte) in &changes {
                let at = usize::from(*at) % bytes.len();
                bytes[at] = *byte;
            }
            read(&Bytes::from(bytes));
        }
    }

    #[test]
    fn a_changed_manifest_is_a_manifest_or_an_error(changes in prop::collection::vec((any::<u16>(), any::<u8>()), 0..3)) {
        let mut bytes = MANIFEST.as_bytes().to_vec();
        for (at, byte) in changes {
            let at = usize::from(at) % bytes.len();
            bytes[at] = byte;
        }
        match manifest::read(&bytes) {
            Ok(read) => prop_assert!(read.entities.len() <= 1),
            Err(why) => prop_assert!(!why.is_empty()),
        }
    }
}
