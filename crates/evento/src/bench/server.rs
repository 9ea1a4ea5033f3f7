//! The server under test: started here on a scratch directory, or one that runs already; and what it uses.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::process::{Child, Command};

use super::Args;
use super::client::Connection;
use crate::processes::{cpu_seconds, cpu_seconds_of, descendants, machine_cpu_seconds, mounting, resident};

/// Longest wait for the first good answer; building the example's function is part of it.
const START_MAX: Duration = Duration::from_secs(900);

/// A server to be measured.
pub struct Server {
    /// `host:port`.
    pub host: String,
    /// Where its Kafka listener is, if it has one.
    pub kafka: Option<String>,
    own: Option<Own>,
}

struct Own {
    child: Child,
    pid: u32,
    data: tempfile::TempDir,
    place: Place,
}

/// Where the function runs: how what it uses is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In processes that Evento started.
    Child,
    /// In a container: an engine started it.
    Container,
    /// In Evento's own process. What it uses cannot be told apart.
    InEvento,
    /// Somewhere else, or several functions in several places.
    Elsewhere,
}

impl Place {
    /// By what the functions' descriptions say.
    fn of(functions: &serde_json::Value) -> Place {
        let place = |function: &serde_json::Value| match function["runtime"].as_str() {
            Some("process") => Place::Child,
            Some("container") => Place::Container,
            Some("wasm") => Place::InEvento,
            _ => Place::Elsewhere,
        };
        let mut places = functions["items"].as_array().into_iter().flatten().map(place);
        let first = places.next().unwrap_or(Place::Elsewhere);
        if places.all(|place| place == first) { first } else { Place::Elsewhere }
    }
}

/// What server, function and client have used so far, or between two moments.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// CPU seconds of the server.
    pub server_cpu: f64,
    /// CPU seconds of the function's processes, as far as they are found.
    pub function_cpu: f64,
    /// CPU seconds of this client.
    pub client_cpu: f64,
    /// CPU seconds of the whole machine, others' work and what its host took away included.
    pub machine_cpu: f64,
    /// Resident bytes of the server.
    pub resident: u64,
    /// Bytes on disk.
    pub disk: u64,
    /// Syncs so far.
    pub syncs: u64,
}

impl Usage {
    /// CPU seconds that were used by neither server nor function nor client.
    pub fn others_cpu(&self) -> f64 {
        (self.machine_cpu - self.server_cpu - self.function_cpu - self.client_cpu).max(0.0)
    }

    /// What was used between two moments; levels are those of the later one.
    pub fn since(&self, before: &Usage) -> Usage {
        Usage {
            server_cpu: self.server_cpu - before.server_cpu,
            function_cpu: self.function_cpu - before.function_cpu,
            client_cpu: self.client_cpu - before.client_cpu,
            machine_cpu: self.machine_cpu - before.machine_cpu,
            resident: self.resident,
            disk: self.disk.saturating_sub(before.disk),
            syncs: self.syncs - before.syncs,
        }
    }
}

impl Server {
    /// One that runs already. What it uses is not known then, except the syncs.
    pub fn running(url: &str) -> anyhow::Result<Server> {
        let host = url.strip_prefix("http://").context("--url must begin with http://")?.trim_end_matches('/');
        Ok(Server { host: host.to_owned(), kafka: None, own: None })
    }

    /// Starts this program with a scratch data directory and waits until a command is accepted.
    pub async fn start(args: &Args) -> anyhow::Result<Server> {
        ensure!(
            args.resources.is_dir(),
            "{} is no folder: run from the project's root, or name the bank's resources with --resources",
            args.resources.display()
        );
        let data = match &args.scratch {
            Some(folder) => std::fs::create_dir_all(folder)
                .and_then(|()| tempfile::Builder::new().prefix("evento-bench-").tempdir_in(folder)),
            None => tempfile::Builder::new().prefix("evento-bench-").tempdir(),
        }
        .context("make the scratch directory")?;
        let free = || anyhow::Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string());
        let (host, kafka) = (free()?, if args.kafka { Some(free()?) } else { None });
        let child = Command::new(std::env::current_exe()?)
            .args(["serve", "--data"])
            .arg(data.path())
            .args(["--listen", &host, "--kafka-listen", kafka.as_deref().unwrap_or_default(), "--registry-listen", ""])
            .env("EVENTO_LOG", "warn")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("start the server")?;
        let pid = child.id().context("the server ended at once")?;
        let mut server = Server { host, kafka, own: Some(Own { child, pid, data, place: Place::Elsewhere }) };
        server.wait_until("/readyz", "GET", b"").await?;
        let applied = Command::new(std::env::current_exe()?)
            .args(["apply", "--quiet", "--file"])
            .arg(&args.resources)
            .arg("--address")
            .arg(format!("http://{}", server.host))
            .stdout(Stdio::null())
            .status()
            .await
            .context("apply the resources")?;
        ensure!(applied.success(), "the resources were not applied");
        let path = "/v1/entities/account/bench-ready/commands/open-account";
        server.wait_until(path, "POST", br#"{"owner":"Ada"}"#).await?;
        let mut connection = Connection::open(&server.host).await?;
        let answer = connection.send("GET", "/v1/functions", "", b"").await?;
        let place = Place::of(&serde_json::from_slice(answer.body)?);
        server.own.iter_mut().for_each(|own| own.place = place);
        Ok(server)
    }

    /// Where the function runs.
    pub fn place(&self) -> Place {
        self.own.as_ref().map_or(Place::Elsewhere, |own| own.place)
    }

    /// The function's processes that are found now.
    pub fn function_processes(&self) -> Vec<u32> {
        let Some(own) = &self.own else { return Vec::new() };
        match own.place {
            Place::Child => descendants(own.pid),
            Place::Container => mounting(own.data.path()),
            Place::InEvento | Place::Elsewhere => Vec::new(),
        }
    }

    /// Returns when a request is answered with 200.
    async fn wait_until(&mut self, path: &str, method: &str, body: &[u8]) -> anyhow::Result<()> {
        let started = Instant::now();
        while started.elapsed() < START_MAX {
            if let Some(own) = &mut self.own
                && let Some(status) = own.child.try_wait()?
            {
                bail!("the server ended with {status} before it was ready");
            }
            if let Ok(mut connection) = Connection::open(&self.host).await
                && let Ok(answer) = connection.send(method, path, "application/json", body).await
                && answer.status == 200
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("the server was not ready after {} s", START_MAX.as_secs())
    }

    /// What is used so far.
    pub async fn usage(&self) -> anyhow::Result<Usage> {
        let mut usage = Usage { client_cpu: cpu_seconds(std::process::id())?, ..Usage::default() };
        usage.machine_cpu = machine_cpu_seconds().unwrap_or_default();
        usage.syncs = self.syncs().await?;
        if let Some(own) = &self.own {
            usage.server_cpu = cpu_seconds(own.pid)?;
            usage.resident = resident(own.pid)?;
            usage.function_cpu = cpu_seconds_of(&self.function_processes());
            usage.disk = disk_bytes(own.data.path());
        }
        Ok(usage)
    }

    async fn syncs(&self) -> anyhow::Result<u64> {
        let mut connection = Connection::open(&self.host).await?;
        let answer = connection.send("GET", "/metrics", "", b"").await?;
        let text = String::from_utf8_lossy(answer.body);
        let line = text.lines().find_map(|line| line.strip_prefix("evento_log_syncs_total "));
        Ok(line.and_then(|value| value.trim().parse::<f64>().ok()).unwrap_or(0.0) as u64)
    }

    /// The data directory of our own server.
    pub fn data(&self) -> Option<&Path> {
        self.own.as_ref().map(|own| own.data.path())
    }

    /// Ends our own server.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(own) = &mut self.own else { return Ok(()) };
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(own.pid as i32).context("the server's pid")?,
            rustix::process::Signal::TERM,
        )?;
        match tokio::time::timeout(Duration::from_secs(20), own.child.wait()).await {
            Ok(status) => ensure!(status?.success(), "the server did not end well"),
            Err(_) => own.child.kill().await?,
        }
        Ok(())
    }
}

fn disk_bytes(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let mut next: Vec<PathBuf> = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(folder) = next.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => next.push(entry.path()),
                Ok(meta) => bytes += meta.blocks() * 512,
                Err(_) => {}
            }
        }
    }
    bytes
}
