//! A proxy before the probe that breaks one rule, and only that one.
//!
//! What it does for each rule is in [`before`] (the request), [`after`] (the answer) and [`serve`] (the process).

use std::collections::HashMap;
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::http::{End, Message, Stream};

/// What connections share.
struct Proxy {
    rule: String,
    inner: String,
    tcp: bool,
    /// Requests that are being answered.
    in_flight: AtomicUsize,
    /// A connection ended in the middle of a head.
    wedged: AtomicBool,
    /// The last request body of each path.
    bodies: Mutex<HashMap<String, Vec<u8>>>,
    /// The last good answer of each path.
    answers: Mutex<HashMap<String, Message>>,
}

/// Starts the probe on a socket of its own and stands before it until SIGTERM.
pub fn serve() {
    let variable = |name: &str| std::env::var(name).expect("the kit sets it");
    let (rule, listen) = (variable("KIT_BREAK"), variable("EVENTO_LISTEN"));
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("inner.sock").display().to_string();
    let mut child = probe(&inner, &rule);
    let proxy = Arc::new(Proxy {
        rule: rule.clone(),
        inner,
        tcp: !listen.starts_with("unix:"),
        in_flight: AtomicUsize::new(0),
        wedged: AtomicBool::new(false),
        bodies: Mutex::default(),
        answers: Mutex::default(),
    });
    // Listening begins when the probe can be reached, so that whoever connects finds both.
    let until = Instant::now() + Duration::from_secs(60);
    while UnixStream::connect(&proxy.inner).is_err() {
        assert!(Instant::now() < until, "the probe does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    accept(&listen, proxy);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).expect("a signal");
        term.recv().await;
    });
    if rule == "S13" {
        std::process::exit(3);
    }
    // The probe got the signal, too: it is in the same group, and answers what is in flight.
    let _ = child.wait();
    std::thread::sleep(Duration::from_millis(100));
    std::process::exit(0);
}

fn probe(inner: &str, rule: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--ignored", "--exact", "probe_process", "--nocapture"]);
    command.env("EVENTO_LISTEN", format!("unix:{inner}")).stdin(Stdio::null());
    if rule == "S11" {
        command.env_remove("EVENTO_IDENTITY_KEYS");
    }
    command.spawn().expect("the probe starts")
}

fn accept(listen: &str, proxy: Arc<Proxy>) {
    let serve = move |mut stream: Box<dyn Stream>| {
        let proxy = proxy.clone();
        std::thread::spawn(move || while proxy.one(&mut *stream) {});
    };
    match listen.strip_prefix("unix:") {
        Some(path) => {
            let listener = UnixListener::bind(path).expect("a socket");
            std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| serve(Box::new(stream))));
        }
        None => {
            let listener = TcpListener::bind(listen).expect("a port");
            std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| serve(Box::new(stream))));
        }
    }
}

impl Proxy {
    /// One exchange; whether the connection goes on.
    fn one(&self, stream: &mut dyn Stream) -> bool {
        let request = match Message::read(stream) {
            Ok(request) => request,
            Err(End::InHead) => {
                self.wedged.store(true, Ordering::SeqCst);
                return false;
            }
            Err(End::Noise) if self.rule == "S15" => std::process::exit(1),
            Err(_) => return false,
        };
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        let answer = self.answer(request);
        let busy = self.in_flight.fetch_sub(1, Ordering::SeqCst);
        match answer {
            Some(answer) => {
                let answer = self.mixed_up(answer, busy);
                answer.1.write(stream).is_ok()
            }
            None => false,
        }
    }

    fn answer(&self, request: Message) -> Option<(Message, Message)> {
        if let Some(answer) = self.before(&request) {
            return Some((request, answer));
        }
        let mut forwarded = request.clone();
        if self.rule == "S12" {
            forwarded.headers.retain(|(name, _)| name != "evento-instance");
        }
        let mut inner = UnixStream::connect(&self.inner).ok()?;
        forwarded.write(&mut inner).ok()?;
        let answer = Message::read(&mut inner).ok();
        let answer = self.after(&request, answer)?;
        Some((request, answer))
    }

    /// Answers without asking the probe.
    fn before(&self, request: &Message) -> Option<Message> {
        let failing = match self.rule.as_str() {
            "F04" => request.path().ends_with("/evento.unknown.NoSuchThing"),
            // The probe's name is there, and more than one work follows.
            "F07" => {
                let works = request.body.strip_prefix(b"\x30evento.conformance.Probe");
                works.and_then(<[u8]>::first).is_some_and(|count| *count > 2)
            }
            "F10" => self.wedged.load(Ordering::SeqCst) && request.first.starts_with("POST"),
            "S09" => request.has("ExpectCount") && request.has("EmitMany") && request.path() == "/run",
            "S10" => request.has("event 9998"),
            "S14" => self.tcp && request.first.starts_with("POST"),
            _ => false,
        };
        failing.then(|| {
            let call = request.header("evento-call").unwrap_or_default();
            Message::answer(500, &[("evento-call", call)], b"")
        })
    }

    /// Changes what the probe answered.
    fn after(&self, request: &Message, answer: Option<Message>) -> Option<Message> {
        let path = request.path();
        let is = |verb: &str, name: &str| path == format!("/{verb}/evento.conformance.{name}");
        let call = request.header("evento-call").unwrap_or_default();
        let Some(mut answer) = answer else {
            let late = [("evento-event", "evento.conformance.Noted"), ("content-type", "avro/binary")];
            return (self.rule == "S06").then(|| Message::answer(200, &late, &[0, 0]));
        };
        match self.rule.as_str() {
            "F01" if path == "/.well-known/evento" => answer.set("content-type", "application/json"),
            "F02" if is("handle", "Reject") && answer.status() == 200 => {
                answer.set("evento-event", "evento.conformance.Noted");
            }
            "F03" if path.starts_with("/apply/") && answer.status() == 200 => {
                let last = self.bodies.lock().expect("whole").insert(path.to_owned(), request.body.clone());
                if last.as_ref() == Some(&request.body) {
                    answer.body[0] ^= 2;
                }
            }
            "F05" if is("handle", "Reject") && matches!(answer.status(), 400 | 404) => {
                let headers = [("evento-event", "evento.conformance.Rejected"), ("content-type", "avro/binary")];
                answer = Message::answer(200, &headers, &[0]);
            }
            "F06" if answer.status() == 415 => answer.first = "HTTP/1.1 400 Bad".to_owned(),
            "F08" if is("handle", "Reject") && answer.status() == 200 => answer.body = b"\x02x".to_vec(),
            "S01" if is("handle", "Echo") && answer.status() == 200 => answer.body[0] ^= 1,
            "S02" if is("handle", "EmitMany") && answer.status() == 400 => answer.first = "HTTP/1.1 500 No".to_owned(),
            "S03" if is("handle", "Reject") => answer.body = b"\x02x".to_vec(),
            "S04" if is("apply", "Ended") => {
                answer = Message::answer(200, &[("content-type", "avro/binary")], &[0, 0, 0, 0, 0]);
            }
            "S05" if answer.status() == 422 => answer.first = "HTTP/1.1 500 No".to_owned(),
            "S07" if is("handle", "Context") => answer.body[1] ^= 1,
            "S08" if is("handle", "Maps") => answer.body = request.body[..request.body.len() - 1].to_vec(),
            _ => {}
        }
        if self.rule != "F05" || answer.header("evento-call").is_some() {
            answer.set("evento-call", call);
        }
        Some(answer)
    }

    /// For F09: under load, an answer is the one that another call got before.
    fn mixed_up(&self, (request, answer): (Message, Message), busy: usize) -> (Message, Message) {
        if self.rule != "F09" || answer.status() != 200 || !request.path().starts_with("/handle/") {
            return (request, answer);
        }
        let last = self.answers.lock().expect("whole").insert(request.path().to_owned(), answer.clone());
        match last {
            Some(mut last) if busy >= 4 => {
                last.set("evento-call", request.header("evento-call").unwrap_or_default());
                (request, last)
            }
            _ => (request, answer),
        }
    }
}
