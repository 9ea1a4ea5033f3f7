//! A real `evento` on a scratch directory, with a small HTTP client. Waits are on conditions, with deadlines.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest wait for a server that starts.
const START_MAX: Duration = Duration::from_secs(60);

/// The first port that is tried, and how many there are.
const PORTS: (u32, u32) = (12_000, 20_000);
/// Longest wait for what happens by itself.
pub const SOON: Duration = Duration::from_secs(60);
/// Pause between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(2);

/// Waits until a condition holds, for so long at most. The processor is free for others meanwhile.
pub fn until(what: &str, at_most: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + at_most;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within {at_most:?}");
        std::thread::park_timeout(PAUSE);
    }
}

/// An address whose port is below those that the system gives to clients. While a server is killed, a client that
/// connects to a port from among those may be given the very same one for its own end: then it talks to itself, and
/// the next server cannot have it.
pub fn free_address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Tests of another process begin elsewhere.
    let first = std::process::id().wrapping_mul(97);
    let candidates =
        (0..PORTS.1).map(|_| PORTS.0 + (first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed))) % PORTS.1);
    let mut addresses = candidates.map(|port| format!("127.0.0.1:{port}"));
    addresses.find(|address| TcpListener::bind(address).is_ok()).expect("a free port")
}

/// The folder of the repository.
pub fn root() -> PathBuf {
    Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo says it"))
        .join("../..")
        .canonicalize()
        .expect("the repository")
}

/// The bank's function, built once.
pub fn bank_function() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--package", "bank-function"])
            .current_dir(root())
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the bank's function does not build");
        let evento = Path::new(env!("CARGO_BIN_EXE_evento"));
        evento.parent().expect("a folder").join("bank-function")
    })
}

/// A folder of resources: the bank's domain, and a function that is this command.
pub fn bank_resources(folder: &Path, command: &Path, extra: &str) -> PathBuf {
    let (resources, schemas) = (folder.join("resources"), folder.join("schemas"));
    for made in [&resources, &schemas] {
        std::fs::create_dir_all(made).expect("made");
    }
    let bank = root().join("examples/bank");
    for entry in std::fs::read_dir(bank.join("schemas")).expect("listed") {
        let path = entry.expect("listed").path();
        std::fs::copy(&path, schemas.join(path.file_name().expect("named"))).expect("copied");
    }
    std::fs::copy(bank.join("resources/account.yaml"), resources.join("account.yaml")).expect("copied");
    let function = format!(
        "apiVersion: evento.dev/v1alpha1\nkind: Function\nmetadata: {{name: accounts}}\nspec:\n{extra}  runtime: process\n  process: {{command: [{}]}}\n  startTimeout: 5m\n",
        serde_json::json!(command.display().to_string())
    );
    std::fs::write(resources.join("function.yaml"), function).expect("written");
    resources
}

/// A server that runs.
pub struct Server {
    child: Child,
    pub address: String,
    pub data: PathBuf,
}

impl Server {
    /// Starts on a data directory and waits until it answers.
    pub fn start(data: &Path) -> Server {
        Server::start_by(Command::new(env!("CARGO_BIN_EXE_evento")), data)
    }

    /// Starts and waits until it answers at all, ready or not.
    pub fn start_unready(data: &Path) -> Server {
        Server::start_until(Command::new(env!("CARGO_BIN_EXE_evento")), data, "/livez")
    }

    /// As `start`, by a command that becomes the server.
    pub fn start_by(command: Command, data: &Path) -> Server {
        Server::start_until(command, data, "/readyz")
    }

    fn start_until(mut command: Command, data: &Path, check: &str) -> Server {
        let address = free_address();
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(data.with_extension("log")).expect("a log");
        for listener in ["EVENTO_KAFKA_LISTEN", "EVENTO_REGISTRY_LISTEN"] {
            if command.get_envs().all(|(name, _)| name != listener) {
                command.env(listener, "127.0.0.1:0");
            }
        }
        let child = command
            .args(["serve", "--listen", &address, "--data"])
            .arg(data)
            .env("EVENTO_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        let mut server = Server { child, address, data: data.to_owned() };
        until("the server answers", START_MAX, || {
            let ended = server.child.try_wait().expect("its status");
            assert!(ended.is_none(), "the server ended: {ended:?}, see {}", data.with_extension("log").display());
            server.get(check).is_some_and(|reply| reply.status == 200)
        });
        server
    }

    /// Applies a folder of resources through the command line.
    pub fn apply(&self, resources: &Path) {
        let output = self.evento(&["apply", "--file", &resources.display().to_string()]);
        assert!(output.0 == 0, "apply: {}", output.2);
    }

    /// Runs a verb against this server: exit code, stdout, stderr.
    pub fn evento(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_evento"))
            .args(arguments)
            .args(["--address", &format!("http://{}", self.address)])
            .output()
            .expect("evento runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }

    /// The pid of the server.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the server ends by itself; its exit code.
    pub fn ended(&mut self) -> Option<i32> {
        let mut status = None;
        until("the server ends", START_MAX, || {
            status = self.child.try_wait().expect("its status");
            status.is_some()
        });
        status.and_then(|status| status.code())
    }

    /// SIGKILL; whatever it was doing.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// Pid of the function's process, if it runs.
    pub fn function_pid(&self) -> Option<i32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
        let children =
            tasks.flatten().map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
        children
            .flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>())
            .next()
    }

    pub fn get(&self, path: &str) -> Option<Reply> {
        request(&self.address, "GET", path, &[], b"")
    }

    /// The JSON of a path that must be there.
    pub fn json(&self, path: &str) -> Value {
        let reply = self.get(path).expect("an answer");
        assert_eq!(reply.status, 200, "GET {path}: {}", reply.text());
        reply.json()
    }

    /// The JSON of an answer, whatever its status.
    pub fn json_of(&self, path: &str) -> Value {
        self.get(path).expect("an answer").json()
    }

    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Reply> {
        request(&self.address, "POST", path, headers, body)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let function = self.function_pid();
        let _ = self.child.kill();
        let _ = self.child.wait();
        // No server starts here again that would end what this one leaves.
        if let Some(pid) = function {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status();
        }
    }
}

/// An answer.
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// One request on a connection of its own; `None` if the server is not there, or goes away in the middle.
pub fn request(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(70))).ok()?;
    let host = headers.iter().find(|(name, _)| *name == "Host").map_or(address, |(_, host)| host);
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers.iter().filter(|(name, _)| *name != "Host") {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    // A server that refuses early may close before everything is written: its answer counts.
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body);
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let mut length = None;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        if let Some(value) = text.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse::<usize>().ok();
        }
    }
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Reply { status, body })
}
