//! A Kafka client of one connection, and the requests of a producer, as the codec's other half writes them.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest, ProduceRequest, ProduceResponse, RequestHeader,
    ResponseHeader, TopicName, TransactionalId,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The topic of the bank's commands.
pub const COMMANDS: &str = "account.commands";
/// The transactional id of most tests.
pub const ID: &str = "payments";

/// A producer's id and epoch.
pub type Who = (i64, i16);

/// A connection.
pub struct Client(TcpStream);

pub fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

impl Client {
    pub async fn connect(address: &str) -> Client {
        Client(TcpStream::connect(address).await.expect("connected"))
    }

    /// Sends a request and reads its answer.
    pub async fn call<Q: Request>(&mut self, version: i16, request: Q) -> Q::Response {
        let header = RequestHeader::default()
            .with_request_api_key(Q::KEY)
            .with_request_api_version(version)
            .with_client_id(Some(text("test")));
        let mut out = BytesMut::new();
        header.encode(&mut out, Q::header_version(version)).expect("encoded");
        request.encode(&mut out, version).expect("encoded");
        self.0.write_u32(out.len() as u32).await.expect("written");
        self.0.write_all(&out).await.expect("written");
        let mut answer = vec![0; self.0.read_u32().await.expect("an answer") as usize];
        self.0.read_exact(&mut answer).await.expect("an answer");
        let mut answer = Bytes::from(answer);
        ResponseHeader::decode(&mut answer, Q::Response::header_version(version)).expect("a header");
        Q::Response::decode(&mut answer, version).expect("decoded")
    }

    /// InitProducerId: the error code, or who the producer is.
    pub async fn init(&mut self, version: i16, id: Option<&str>, claimed: Option<Who>) -> Result<Who, i16> {
        self.init_for(version, id, claimed, 60_000).await
    }

    /// The same with a time-out of its transactions.
    pub async fn init_for(
        &mut self,
        version: i16,
        id: Option<&str>,
        claimed: Option<Who>,
        timeout_ms: i32,
    ) -> Result<Who, i16> {
        let mut request = InitProducerIdRequest::default()
            .with_transactional_id(id.map(|id| TransactionalId(text(id))))
            .with_transaction_timeout_ms(timeout_ms);
        if let Some((producer, epoch)) = claimed {
            request = request.with_producer_id(producer.into()).with_producer_epoch(epoch);
        }
        let answer = self.call(version, request).await;
        match answer.error_code {
            0 => Ok((answer.producer_id.0, answer.producer_epoch)),
            code => Err(code),
        }
    }

    /// AddPartitionsToTxn: the codes of all partitions.
    pub async fn add(&mut self, version: i16, who: Who, places: &[(&str, i32)]) -> Vec<i16> {
        let mut topics: IndexMap<&str, Vec<i32>> = IndexMap::new();
        places.iter().for_each(|(topic, partition)| topics.entry(topic).or_default().push(*partition));
        let topics = topics.into_iter().map(|(topic, partitions)| {
            AddPartitionsToTxnTopic::default().with_name(TopicName(text(topic))).with_partitions(partitions)
        });
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(TransactionalId(text(ID)))
            .with_v3_and_below_producer_id(who.0.into())
            .with_v3_and_below_producer_epoch(who.1)
            .with_v3_and_below_topics(topics.collect());
        let answer = self.call(version, request).await;
        let topics = answer.results_by_topic_v3_and_below.iter();
        topics.flat_map(|topic| topic.results_by_partition.iter().map(|one| one.partition_error_code)).collect()
    }

    /// Produce of one batch: code and base offset.
    pub async fn produce(&mut self, batch: &Batch<'_>) -> (i16, i64) {
        let answer = self.send(batch, 10_000).await;
        let one = &answer.responses[0].partition_responses[0];
        (one.error_code, one.base_offset)
    }

    /// Produce of one batch that waits so long at most.
    pub async fn send(&mut self, batch: &Batch<'_>, timeout_ms: i32) -> ProduceResponse {
        let data = PartitionProduceData::default().with_index(batch.partition).with_records(Some(batch.bytes()));
        let topic = TopicProduceData::default().with_name(TopicName(text(COMMANDS))).with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(timeout_ms)
            .with_transactional_id(batch.transactional.then(|| TransactionalId(text(ID))))
            .with_topic_data(vec![topic]);
        self.call(9, request).await
    }

    /// EndTxn: its code.
    pub async fn end(&mut self, version: i16, who: Who, commit: bool) -> i16 {
        let request = EndTxnRequest::default()
            .with_transactional_id(TransactionalId(text(ID)))
            .with_producer_id(who.0.into())
            .with_producer_epoch(who.1)
            .with_committed(commit);
        self.call(version, request).await.error_code
    }
}

/// A batch of deposits.
#[derive(Clone)]
pub struct Batch<'a> {
    pub who: Who,
    pub partition: i32,
    pub first: i32,
    /// Instance and command id of each.
    pub records: Vec<(&'a str, Option<&'a str>)>,
    pub transactional: bool,
    /// Registry id of the deposit's schema.
    pub schema: u32,
}

impl Batch<'_> {
    fn bytes(&self) -> Bytes {
        let records = self.records.iter().enumerate().map(|(n, (key, id))| {
            let mut headers = IndexMap::new();
            if let Some(id) = id {
                headers.insert(text("ce_id"), Some(Bytes::from((*id).to_owned())));
            }
            Record {
                transactional: self.transactional,
                control: false,
                delete_horizon: false,
                partition_leader_epoch: -1,
                producer_id: self.who.0,
                producer_epoch: self.who.1,
                timestamp_type: TimestampType::Creation,
                offset: n as i64,
                sequence: self.first.wrapping_add(n as i32),
                timestamp: 1_000,
                key: Some(Bytes::from((*key).to_owned())),
                value: Some(deposit(self.schema)),
                headers,
            }
        });
        let records: Vec<Record> = records.collect();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        let mut out = BytesMut::new();
        RecordBatchEncoder::encode(&mut out, &records, &options).expect("encoded");
        out.freeze()
    }
}

/// `bank.ReceiveDeposit{amount 120, reference "rent"}`
fn deposit(schema: u32) -> Bytes {
    let mut value = BytesMut::new();
    value.put_u8(0);
    value.put_u32(schema);
    value.extend_from_slice(b"\xf0\x01\x08rent");
    value.freeze()
}
