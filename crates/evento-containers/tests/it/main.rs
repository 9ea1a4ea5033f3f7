//! The client against an engine that is not there, is too old, or answers what no engine should.

use std::path::PathBuf;

use evento_containers::{Engine, EngineError, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

/// An engine that gives the same answer to every call.
struct Fake {
    folder: tempfile::TempDir,
}

impl Fake {
    fn answering(answer: Vec<u8>) -> Fake {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join("e.sock")).expect("bound");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = answer.clone();
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    let _ = stream.read(&mut request).await;
                    let _ = stream.write_all(&answer).await;
                });
            }
        });
        Fake { folder }
    }

    fn json(body: &str) -> Fake {
        Fake::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes())
    }

    fn places(&self) -> [PathBuf; 2] {
        [self.folder.path().join("nobody.sock"), self.folder.path().join("e.sock")]
    }

    async fn error(&self) -> EngineError {
        Engine::connect(&self.places()).await.expect_err("no engine")
    }
}

#[tokio::test]
async fn the_second_place_is_asked_when_nobody_is_at_the_first() {
    let fake = Fake::json(r#"{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12","SecurityOptions":[]}"#);
    assert_eq!(Engine::connect(&fake.places()).await.expect("an engine").name(), "Docker 20.10.24");
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_told_with_every_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let places = ["a.sock", "b.sock"].map(|name| folder.path().join(name));
    let error = Engine::connect(&places).await.expect_err("no engine");
    assert_eq!((error.kind, error.code().0), (ErrorKind::Engine, 2309));
    for place in places {
        assert!(error.message.contains(&place.display().to_string()), "{error}");
    }
    assert!(error.next.is_some_and(|next| next.contains("DOCKER_HOST")));
}

#[tokio::test]
async fn an_engine_that_is_too_old_is_named_and_the_others_do_not_hide_it() {
    let error = Fake::json(r#"{"Version":"18.9","ApiVersion":"1.39","MinAPIVersion":"1.12"}"#).error().await;
    assert_eq!(error.code().0, 2309);
    assert!(error.message.contains("speaks API 1.39, and Evento 1.41 to"), "{error}");
}

#[tokio::test]
async fn what_is_no_engine_is_an_error_and_never_more_than_the_limit_is_read() {
    let endless = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &vec![b' '; 5 << 20]].concat();
    let table = [
        (b"SSH-2.0-OpenSSH_9\r\n".to_vec(), "connection to the container engine broke"),
        (b"".to_vec(), "connection to the container engine broke"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_vec(), "cannot be read"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 17\r\n\r\n{\"message\":\"no!\"}".to_vec(), "no!"),
        (endless, "more than 4194304 bytes"),
    ];
    for (answer, wanted) in table {
        let error = Fake::answering(answer).error().await;
        assert!(error.message.contains(wanted), "{wanted}: {error}");
    }
}
