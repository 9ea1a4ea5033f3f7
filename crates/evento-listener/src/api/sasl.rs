//! SaslHandshake and SaslAuthenticate: there is no listener with SASL yet, and a client that asks is told so.
//!
//! A Kafka broker answers both on a listener without SASL in the same way, and keeps the connection. Where a client
//! will prove who it is, `connection::Client` says.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};

use super::{Call, text};

/// No mechanism is offered: ILLEGAL_SASL_STATE with an empty list.
pub(super) async fn handshake(_: &Call<'_>, _: SaslHandshakeRequest) -> SaslHandshakeResponse {
    SaslHandshakeResponse::default().with_error_code(ResponseError::IllegalSaslState.code())
}

/// Nothing a client says proves anything here: ILLEGAL_SASL_STATE.
pub(super) async fn authenticate(_: &Call<'_>, _: SaslAuthenticateRequest) -> SaslAuthenticateResponse {
    let why = "this listener has no SASL; connect with security.protocol=PLAINTEXT";
    let answer = SaslAuthenticateResponse::default().with_error_code(ResponseError::IllegalSaslState.code());
    answer.with_error_message(Some(text(why)))
}
