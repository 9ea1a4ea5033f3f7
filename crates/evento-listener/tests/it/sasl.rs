//! A client that would prove who it is, where nobody asks: the words of a broker without SASL, on a connection that stays.

use kafka_protocol::messages::{ApiVersionsRequest, SaslAuthenticateRequest, SaslHandshakeRequest};

use crate::transactions::client::text;
use crate::transactions::world::Place;

const ILLEGAL_SASL_STATE: i16 = 34;

#[test]
fn a_client_with_sasl_is_told_that_there_is_none_and_may_go_on() {
    Place::new().run(async |server| {
        let mut client = server.client().await;
        for version in 0..=1 {
            let request = SaslHandshakeRequest::default().with_mechanism(text("SCRAM-SHA-512"));
            let answer = client.call(version, request).await;
            assert_eq!((answer.error_code, answer.mechanisms.len()), (ILLEGAL_SASL_STATE, 0));
        }
        for version in 0..=2 {
            let answer = client.call(version, SaslAuthenticateRequest::default()).await;
            assert_eq!(answer.error_code, ILLEGAL_SASL_STATE);
            assert!(answer.error_message.is_some_and(|why| why.contains("PLAINTEXT")));
        }
        assert_eq!(client.call(3, ApiVersionsRequest::default()).await.error_code, 0, "the connection is kept");
    });
}
