//! A server of canned answers, and the program run against it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use expect_test::Expect;

/// A server on a free port. Each request takes the first answer left for its method and path.
pub struct Server {
    address: String,
    answers: Arc<Mutex<Vec<Answer>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

struct Answer {
    request: String,
    status: u16,
    headers: String,
    body: String,
}

impl Server {
    /// Starts one without answers.
    pub fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let answers: Arc<Mutex<Vec<Answer>>> = Arc::default();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let (left, seen) = (Arc::clone(&answers), Arc::clone(&requests));
        // The thread ends with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &left, &seen);
            }
        });
        Server { address, answers, requests }
    }

    /// One more answer, such as `("GET /v1/x", 200, "{}")`.
    pub fn answer(self, request: &str, status: u16, body: &str) -> Server {
        self.answer_with(request, status, "", body)
    }

    /// The same with header lines, each ending in CR LF.
    pub fn answer_with(self, request: &str, status: u16, headers: &str, body: &str) -> Server {
        let kind =
            if body.starts_with("id:") || body.starts_with(':') { "text/event-stream" } else { "application/json" };
        self.answers.lock().expect("no test panicked holding it").push(Answer {
            request: request.to_owned(),
            status,
            headers: format!("content-type: {kind}\r\n{headers}"),
            body: body.to_owned(),
        });
        self
    }

    /// Its host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Runs the program against this server. Words are split at blanks; `'…'` keeps them together.
    pub fn run(&self, line: &str) -> Run {
        run_in(Path::new("."), &[("EVENTO_ADDRESS", &self.address)], line, "")
    }

    /// The same with text on standard input.
    pub fn run_with_input(&self, line: &str, input: &str) -> Run {
        run_in(Path::new("."), &[("EVENTO_ADDRESS", &self.address)], line, input)
    }

    /// The same in a folder.
    pub fn run_in(&self, folder: &Path, line: &str) -> Run {
        run_in(folder, &[("EVENTO_ADDRESS", &self.address)], line, "")
    }

    /// Everything asked so far: method, path, the headers that matter, body.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no test panicked holding it").clone()
    }
}

/// What a run of the program left behind.
pub struct Run {
    /// Its exit code.
    pub code: i32,
    /// Its stdout.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
}

impl Run {
    /// Compares stdout, stderr and the exit code with the snapshot.
    #[track_caller]
    pub fn check(&self, expected: &Expect) {
        let mut text = self.stdout.clone();
        if !self.stderr.is_empty() {
            text.push_str("--- stderr\n");
            text.push_str(&self.stderr);
        }
        text.push_str(&format!("--- exit {}\n", self.code));
        expected.assert_eq(&text);
    }
}

/// Runs the program in a folder with these variables and no others that matter.
pub fn run_in(folder: &Path, environment: &[(&str, &str)], line: &str, input: &str) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evento"));
    command.args(words(line)).current_dir(folder);
    command.env_clear().env("XDG_CONFIG_HOME", "/nonexistent").envs(environment.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program was built");
    let mut stdin = child.stdin.take().expect("it is piped");
    // A program that does not read its input closes it; that is its right.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    Run {
        code: output.status.code().expect("it was not killed"),
        stdout: String::from_utf8(output.stdout).expect("it writes UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("it writes UTF-8"),
    }
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (n, part) in line.split('\'').enumerate() {
        if n % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

fn serve(stream: TcpStream, answers: &Mutex<Vec<Answer>>, requests: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(&stream);
    let mut head = String::new();
    if reader.read_line(&mut head).is_err() || head.is_empty() {
        return;
    }
    let request = head.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut told = request.clone();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("whole requests");
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().expect("a number"),
            // A key that the program made itself differs from run to run.
            "idempotency-key" if value.len() == 38 => told.push_str("\n  idempotency-key: \"(made)\""),
            "host" | "user-agent" | "accept-encoding" | "content-type" => {}
            "accept" if value == "*/*" => {}
            name => told.push_str(&format!("\n  {name}: {value}")),
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("whole bodies");
    if !body.is_empty() {
        told.push_str(&format!("\n  {}", String::from_utf8_lossy(&body)));
    }
    requests.lock().expect("no test panicked holding it").push(told);
    let mut answers = answers.lock().expect("no test panicked holding it");
    let found = answers.iter().position(|answer| answer.request == request);
    let (status, headers, body) = match found.map(|n| answers.remove(n)) {
        Some(answer) => (answer.status, answer.headers, answer.body),
        None => (
            404,
            "content-type: application/problem+json\r\n".to_owned(),
            format!("{{\"title\":\"the test has no answer to {request}\",\"status\":404}}"),
        ),
    };
    let length = body.len();
    // A reader that went away is the test's business.
    let _ = (&stream).write_all(
        format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
            .as_bytes(),
    );
}
