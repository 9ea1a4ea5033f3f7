//! Which requests are served, in which versions, and who answers them.
//!
//! One table says what is served; ApiVersions shows it, and nothing outside it is decoded. A request of an unknown
//! kind or version ends its connection, as with a Kafka broker; only ApiVersions itself is answered in its oldest
//! form then, so that the client can choose again (KIP-511).

mod changes;
mod cluster;
mod configs;
mod group;
mod group_admin;
mod group_consumer;
mod group_offsets;
mod metadata;
mod offsets;
mod sasl;
mod transactions;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use evento_log::embedded::Stretch;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, FetchResponse, ProduceRequest, RequestHeader, ResponseHeader,
    api_versions_response::ApiVersion,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, StrBytes};

use crate::broker::Broker;
use crate::connection::Client;
use crate::reply::Reply;
use crate::shape;
use crate::throttle::in_ms;

/// The error code of success.
pub(crate) const NONE: i16 = 0;

/// What is served: kind, lowest and highest version.
const SERVED: &[(ApiKey, i16, i16)] = &[
    (ApiKey::Produce, 3, 11),
    (ApiKey::Fetch, 4, 16),
    (ApiKey::ListOffsets, 1, 7),
    (ApiKey::Metadata, 0, 12),
    (ApiKey::OffsetCommit, 2, 9),
    (ApiKey::OffsetFetch, 1, 9),
    (ApiKey::FindCoordinator, 0, 4),
    (ApiKey::JoinGroup, 2, 7),
    (ApiKey::Heartbeat, 0, 4),
    (ApiKey::LeaveGroup, 0, 5),
    (ApiKey::SyncGroup, 0, 5),
    (ApiKey::DescribeGroups, 0, 5),
    (ApiKey::ListGroups, 0, 5),
    (ApiKey::SaslHandshake, 0, 1),
    (ApiKey::ApiVersions, 0, 3),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::DeleteTopics, 1, 6),
    (ApiKey::DeleteRecords, 0, 2),
    (ApiKey::CreatePartitions, 0, 3),
    (ApiKey::SaslAuthenticate, 0, 2),
    (ApiKey::IncrementalAlterConfigs, 0, 1),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::DeleteGroups, 0, 2),
    (ApiKey::OffsetDelete, 0, 0),
    (ApiKey::ConsumerGroupHeartbeat, 0, 1),
    (ApiKey::ConsumerGroupDescribe, 0, 1),
    (ApiKey::DescribeCluster, 0, 1),
    (ApiKey::InitProducerId, 0, 4),
    (ApiKey::AddPartitionsToTxn, 0, 3),
    (ApiKey::AddOffsetsToTxn, 0, 3),
    (ApiKey::EndTxn, 0, 3),
    (ApiKey::TxnOffsetCommit, 0, 3),
    (ApiKey::DescribeProducers, 0, 0),
    (ApiKey::DescribeTransactions, 0, 0),
    (ApiKey::ListTransactions, 0, 1),
];

/// Bytes of a Fetch answer beside its records, roughly.
const FETCH_HEADS: usize = 1 << 10;

/// What became of a request. The connection is not read again before the wait is over (KIP-219).
pub(crate) enum Answered {
    /// Write this.
    Reply(Reply, Duration),
    /// The client wants no answer.
    Silent(Duration),
}

/// Why a connection cannot go on.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The request is of a kind or version that is not served.
    NotServed(i16, i16),
    /// The bytes are not what they should be, or an answer cannot be written in the client's version.
    Codec(ApiKey, String),
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broken::NotServed(key, version) => write!(f, "requests {key} of version {version} are not served"),
            Broken::Codec(key, why) => write!(f, "a {key:?} request or its answer: {why}"),
        }
    }
}

/// One request that is being answered.
pub(crate) struct Call<'a> {
    pub(crate) broker: &'a Arc<Broker>,
    pub(crate) client: &'a Client,
    pub(crate) version: i16,
    key: ApiKey,
    correlation: i32,
}

/// Answers one request, given without its length.
pub(crate) async fn answer(broker: &Arc<Broker>, client: &mut Client, request: Bytes) -> Result<Answered, Broken> {
    let (Some(&[a, b]), Some(&[c, d])) =
        (request.first_chunk::<2>(), request[2.min(request.len())..].first_chunk::<2>())
    else {
        return Err(Broken::NotServed(-1, -1));
    };
    let (number, version) = (i16::from_be_bytes([a, b]), i16::from_be_bytes([c, d]));
    let served = SERVED.iter().find(|(key, _, _)| *key as i16 == number);
    let Some((key, low, high)) = served.copied() else { return Err(Broken::NotServed(number, version)) };
    let old_form = key == ApiKey::ApiVersions && version > high;
    if !old_form && !(low..=high).contains(&version) {
        return Err(Broken::NotServed(number, version));
    }
    let broken = |error: &dyn std::fmt::Display| Broken::Codec(key, error.to_string());
    let mut body = request;
    let checked = if old_form { shape::check_header(&body) } else { shape::check(key, version, &body) };
    checked.map_err(|refused| broken(&refused))?;
    let header_version = key.request_header_version(version);
    let header = RequestHeader::decode(&mut body, header_version).map_err(|error| broken(&error))?;
    client.id = header.client_id.map(|id| id.to_string()).unwrap_or_default();
    let call = Call { broker, client, version, key, correlation: header.correlation_id };
    if old_form {
        let call = Call { version: 0, ..call };
        return call.reply(&versions(UNSUPPORTED_VERSION));
    }
    if let Some(count) = broker.requests.get(key as usize) {
        count.fetch_add(1, Ordering::Relaxed);
    }
    dispatch(&call, body).await
}

async fn dispatch(call: &Call<'_>, body: Bytes) -> Result<Answered, Broken> {
    match call.key {
        ApiKey::Produce => produce(call, body).await,
        ApiKey::Fetch => fetch(call, body).await,
        ApiKey::ListOffsets => call.with(body, offsets::list).await,
        ApiKey::Metadata => call.with(body, metadata::metadata).await,
        ApiKey::ApiVersions => call.with(body, api_versions).await,
        ApiKey::OffsetCommit => call.with(body, group_offsets::commit).await,
        ApiKey::OffsetFetch => call.with(body, group_offsets::fetch).await,
        ApiKey::OffsetDelete => call.with(body, group_offsets::delete).await,
        ApiKey::FindCoordinator => call.with(body, group_admin::find).await,
        ApiKey::ListGroups => call.with(body, group_admin::list).await,
        ApiKey::DescribeGroups => call.with(body, group_admin::describe).await,
        ApiKey::DeleteGroups => call.with(body, group_admin::delete).await,
        ApiKey::ConsumerGroupHeartbeat => call.with(body, group_consumer::heartbeat).await,
        ApiKey::ConsumerGroupDescribe => call.with(body, group_consumer::describe).await,
        ApiKey::JoinGroup => call.with(body, group::join).await,
        ApiKey::SyncGroup => call.with(body, group::sync).await,
        ApiKey::Heartbeat => call.with(body, group::heartbeat).await,
        ApiKey::LeaveGroup => call.with(body, group::leave).await,
        ApiKey::SaslHandshake => call.with(body, sasl::handshake).await,
        ApiKey::SaslAuthenticate => call.with(body, sasl::authenticate).await,
        ApiKey::CreateTopics => call.with(body, changes::create_topics).await,
        ApiKey::DeleteTopics => call.with(body, changes::delete_topics).await,
        ApiKey::DeleteRecords => call.with(body, changes::delete_records).await,
        ApiKey::CreatePartitions => call.with(body, changes::create_partitions).await,
        ApiKey::IncrementalAlterConfigs => call.with(body, changes::alter_configs).await,
        ApiKey::DescribeConfigs => call.with(body, configs::describe).await,
        ApiKey::DescribeCluster => call.with(body, cluster::describe).await,
        ApiKey::InitProducerId => call.with(body, transactions::init_producer_id).await,
        ApiKey::AddPartitionsToTxn => call.with(body, transactions::add_partitions).await,
        ApiKey::AddOffsetsToTxn => call.with(body, transactions::add_offsets).await,
        ApiKey::EndTxn => call.with(body, transactions::end).await,
        ApiKey::TxnOffsetCommit => call.with(body, transactions::commit_offsets).await,
        ApiKey::DescribeProducers => call.with(body, transactions::producers).await,
        ApiKey::DescribeTransactions => call.with(body, transactions::describe).await,
        ApiKey::ListTransactions => call.with(body, transactions::list).await,
        key => Err(Broken::NotServed(key as i16, call.version)),
    }
}

async fn fetch(call: &Call<'_>, body: Bytes) -> Result<Answered, Broken> {
    let (mut answer, held) = crate::fetch::fetch(call, call.read(body)?).await;
    let records = answer.topics.iter().flat_map(|(_, partitions)| partitions).filter_map(|one| one.records.as_ref());
    let wait = call.broker.throttle.fetched(call, records.map(Stretch::bytes).sum());
    answer.response.throttle_time_ms = in_ms(wait);
    let header = call.answer_header();
    let reply = Reply::new(FETCH_HEADS, |pieces| {
        header.encode(pieces.out(), FetchResponse::header_version(call.version))?;
        answer.write(call.version, pieces)
    });
    Ok(Answered::Reply(reply.map_err(|error| call.broken(&error))?.holding(held), wait))
}

/// With `acks=0` a client waits for no answer (Kafka protocol guide, Produce).
async fn produce(call: &Call<'_>, body: Bytes) -> Result<Answered, Broken> {
    let bytes = body.len() as u64;
    let request: ProduceRequest = call.read(body)?;
    let silent = request.acks == 0;
    let (mut answer, crowded) = crate::produce::produce(call, request).await;
    let wait = call.broker.throttle.produced(call, bytes, crowded);
    answer.throttle_time_ms = in_ms(wait);
    if silent { Ok(Answered::Silent(wait)) } else { Ok(Answered::Reply(call.encode(&answer)?, wait)) }
}

impl Call<'_> {
    /// Decodes the request, has it answered, and encodes the answer.
    async fn with<Q: Decodable, A: Encodable + HeaderVersion>(
        &self,
        body: Bytes,
        handler: impl AsyncFnOnce(&Call<'_>, Q) -> A,
    ) -> Result<Answered, Broken> {
        let request = self.read(body)?;
        self.reply(&handler(self, request).await)
    }

    fn read<Q: Decodable>(&self, mut body: Bytes) -> Result<Q, Broken> {
        Q::decode(&mut body, self.version).map_err(|error| self.broken(&error))
    }

    fn reply<A: Encodable + HeaderVersion>(&self, answer: &A) -> Result<Answered, Broken> {
        Ok(Answered::Reply(self.encode(answer)?, Duration::ZERO))
    }

    fn encode<A: Encodable + HeaderVersion>(&self, answer: &A) -> Result<Reply, Broken> {
        let size = answer.compute_size(self.version).map_err(|error| self.broken(&error))?;
        let header = self.answer_header();
        Reply::new(size + 16, |pieces| {
            header.encode(pieces.out(), A::header_version(self.version))?;
            answer.encode(pieces.out(), self.version)
        })
        .map_err(|error| self.broken(&error))
    }

    fn answer_header(&self) -> ResponseHeader {
        ResponseHeader::default().with_correlation_id(self.correlation)
    }

    fn broken(&self, error: &dyn std::fmt::Display) -> Broken {
        Broken::Codec(self.key, error.to_string())
    }
}

/// Error 35: the version of the request is not served.
const UNSUPPORTED_VERSION: i16 = 35;

async fn api_versions(_: &Call<'_>, _: ApiVersionsRequest) -> ApiVersionsResponse {
    versions(NONE)
}

fn versions(error: i16) -> ApiVersionsResponse {
    let keys = SERVED.iter().map(|(key, low, high)| {
        ApiVersion::default().with_api_key(*key as i16).with_min_version(*low).with_max_version(*high)
    });
    ApiVersionsResponse::default().with_error_code(error).with_api_keys(keys.collect())
}

/// Text for an answer.
pub(crate) fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

#[cfg(test)]
mod tests {
    use super::SERVED;

    #[test]
    fn every_served_version_is_one_that_the_codec_knows() {
        for (key, low, high) in SERVED {
            let known = key.valid_versions();
            assert!(known.min <= *low && *high <= known.max, "{key:?}: {known}");
        }
    }

    #[test]
    fn every_served_version_has_a_shape() {
        for (key, low, high) in SERVED {
            for version in *low..=*high {
                assert!(crate::shape::of(*key, version).is_some(), "{key:?} {version}");
            }
        }
    }
}
