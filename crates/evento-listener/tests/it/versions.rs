//! Every request in every served version is answered with bytes that the codec reads to the last one.
//!
//! The requests are filled by chance: what they ask for is nonsense as a rule, and an error is an answer, too.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use evento_listener::shape::requests;
use evento_listener::{Broker, Limits};
use evento_schema::binding::catalog;
use kafka_protocol::messages::{ApiKey, ResponseHeader, ResponseKind};
use kafka_protocol::protocol::Decodable;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::fill::fill;
use crate::registry::world::{Bare, World};

/// Longest wait for an answer: some requests wait for others by their nature.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Differently filled requests of each version.
const TRIES: u64 = 8;

async fn start(world: &World) -> String {
    let node = Bare(world.log.clone(), Arc::new(catalog(&world.registry, 0, &[])));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let advertised = ("127.0.0.1".to_owned(), listener.local_addr().expect("an address").port());
    let broker = Broker::start(Arc::new(node), Limits::default(), advertised).await.expect("a broker");
    tokio::spawn(evento_listener::serve(listener, broker, std::future::pending()));
    address
}

/// The answer without its length; `None` when the connection ends, or nothing comes.
async fn exchange(address: &str, request: &[u8]) -> Option<Bytes> {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_u32(request.len() as u32).await.expect("written");
    stream.write_all(request).await.expect("written");
    let answer = async {
        let length = stream.read_u32().await.ok()?;
        let mut answer = vec![0; length as usize];
        stream.read_exact(&mut answer).await.ok()?;
        Some(Bytes::from(answer))
    };
    timeout(ANSWER_MAX, answer).await.ok().flatten()
}

/// Kinds and versions that the listener says it serves.
async fn served(address: &str) -> Vec<(ApiKey, i16, i16)> {
    let mut answer = exchange(address, b"\0\x12\0\0\0\0\0\x01\xff\xff").await.expect("an answer");
    ResponseHeader::decode(&mut answer, 0).expect("a header");
    let ResponseKind::ApiVersions(versions) = ResponseKind::decode(ApiKey::ApiVersions, &mut answer, 0).expect("read")
    else {
        panic!("ApiVersions is answered with its own answer");
    };
    let of = |one: &kafka_protocol::messages::api_versions_response::ApiVersion| {
        (ApiKey::try_from(one.api_key).expect("a known kind"), one.min_version, one.max_version)
    };
    versions.api_keys.iter().map(of).collect()
}

#[tokio::test]
async fn every_served_version_of_every_request_is_answered_in_its_own_form() {
    let world = World::bank().await;
    let address = start(&world).await;
    let served = served(&address).await;
    assert!(served.len() >= 21, "the first cut of interfaces 5.5 is served: {served:?}");
    for (key, low, high) in served {
        let shape = requests().find(|shape| shape.key == key).expect("every served request has a shape");
        let mut answered = 0;
        for version in low..=high {
            for seed in 0..TRIES {
                let request = fill(shape, version, seed, None).bytes;
                let Some(mut answer) = exchange(&address, &request).await else { continue };
                answered += 1;
                let header = key.response_header_version(version);
                ResponseHeader::decode(&mut answer, header).expect("a header");
                let read = ResponseKind::decode(key, &mut answer, version);
                assert!(read.is_ok(), "{key:?} {version}: {}", read.err().map(|e| e.to_string()).unwrap_or_default());
                assert!(!answer.has_remaining(), "{key:?} {version}: {} bytes are left over", answer.remaining());
            }
        }
        assert!(answered > 0, "{key:?} is never answered");
    }
}
