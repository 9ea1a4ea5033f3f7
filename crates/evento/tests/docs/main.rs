//! The transcripts in README and tutorial are run: every `console` block, in order, against the real program.
//!
//! Times and durations are masked; everything else must be as the page says. A command without output on the
//! page may print what it likes, but must not fail for another reason than a business refusal.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for `evento dev`: a Python environment may have to be made.
const START_MAX: Duration = Duration::from_secs(300);

fn root() -> PathBuf {
    Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo says it"))
        .join("../..")
        .canonicalize()
        .expect("the repository")
}

/// Whether there are functions, and all of them serve.
fn all_ready(listed: &str) -> bool {
    let states: Vec<&str> = listed.lines().map(str::trim).filter(|line| line.starts_with("\"state\":")).collect();
    !states.is_empty() && states.iter().all(|state| state.contains("\"ready\""))
}

struct Dev {
    child: Child,
    shell: Shell,
    data: tempfile::TempDir,
}

/// Runs lines of a transcript against a server.
#[derive(Clone)]
struct Shell {
    listen: String,
    /// Where the server stored; for what is looked at after it has ended.
    data: Option<PathBuf>,
}

impl Dev {
    /// `evento dev` in a folder of the examples.
    fn start(folder: &Path) -> Dev {
        let data = tempfile::tempdir().expect("a folder");
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let listen = format!("127.0.0.1:{port}");
        let child = Command::new(env!("CARGO_BIN_EXE_evento"))
            .args(["dev", "--data"])
            .arg(data.path().join("data"))
            .current_dir(folder)
            .env("EVENTO_HTTP_LISTEN", &listen)
            .env("EVENTO_KAFKA_LISTEN", "127.0.0.1:0")
            .env("EVENTO_REGISTRY_LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("evento dev starts");
        let mut dev = Dev { child, shell: Shell::new(&listen), data };
        let until = Instant::now() + START_MAX;
        loop {
            let listed = dev.run(folder, "evento function list -o json");
            if all_ready(&listed.1) {
                return dev;
            }
            assert!(dev.child.try_wait().expect("its status").is_none(), "evento dev ended");
            assert!(Instant::now() < until, "evento dev is not ready: {listed:?}");
        }
    }

    /// Runs a line of a transcript: exit code, stdout, stderr.
    fn run(&self, folder: &Path, line: &str) -> (i32, String, String) {
        self.shell.run(folder, line)
    }

    /// Ctrl-C, and a shell that looks at what was stored.
    fn stop(&mut self) -> Shell {
        // Once it has been waited for, its number may be another process.
        if matches!(self.child.try_wait(), Ok(None)) {
            let pid = rustix::process::Pid::from_raw(self.child.id() as i32).expect("a pid");
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let _ = self.child.wait();
        }
        Shell { data: Some(self.data.path().join("data")), ..self.shell.clone() }
    }
}

impl Shell {
    fn new(listen: &str) -> Shell {
        Shell { listen: listen.to_owned(), data: None }
    }

    /// Runs a line of a transcript: exit code, stdout, stderr.
    fn run(&self, folder: &Path, line: &str) -> (i32, String, String) {
        let programs = Path::new(env!("CARGO_BIN_EXE_evento")).parent().expect("a folder");
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
        let data = self.data.iter().map(|data| ("EVENTO_DATA_DIR", data));
        let output = Command::new("sh")
            .args(["-c", &line.replace("localhost:8080", &self.listen)])
            .envs(data)
            .current_dir(folder)
            .env("PATH", path)
            .env("EVENTO_HTTP_LISTEN", &self.listen)
            .env_remove("EVENTO_ADDRESS")
            .env_remove("EVENTO_CONTEXT")
            .output()
            .expect("sh runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The commands of a page's `console` blocks, each with the output the page shows.
fn transcript(page: &str) -> Vec<(String, String)> {
    let mut steps: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => match line.strip_prefix("$ ") {
                Some(command) => steps.push((command.to_owned(), String::new())),
                None => {
                    let (_, output) = steps.last_mut().expect("a command comes first");
                    output.push_str(line);
                    output.push('\n');
                }
            },
            (false, _) => {}
        }
    }
    steps
}

/// Durations, ages, times, positions and revisions are never the same twice.
fn masked(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let member = line.trim_start().split("\": ").next().unwrap_or_default();
        if matches!(member, "\"time" | "\"acceptedAt" | "\"updatedAt" | "\"durationMs" | "\"position" | "\"revision") {
            out.push_str(&format!("{member}: #\n"));
            continue;
        }
        let words: Vec<&str> = line.trim_end().split(' ').collect();
        let masked = words.iter().enumerate().map(|(n, word)| {
            let next = words.get(n + 1).copied();
            let duration = matches!(next, Some("ms" | "s")) && word.parse::<f64>().is_ok();
            if duration || is_time(word) { "#" } else { word }
        });
        let line = masked.collect::<Vec<_>>().join(" ").replace(" s ", " ms ");
        out.push_str(line.replace("1s ago", "just now").replace("2s ago", "just now").trim_end());
        out.push('\n');
    }
    out
}

/// Whether a word is a time in quotes, as a value of an event: `"2026-11-30T20:01:14.115Z"`.
fn is_time(word: &str) -> bool {
    let shape = |c: char| if c.is_ascii_digit() { '0' } else { c };
    word.chars().map(shape).collect::<String>().starts_with("\"0000-00-00T00:00:00") && word.ends_with("Z\"")
}

/// A page that begins with `evento init`: run in a new folder.
fn check_project(page: &str) {
    let place = tempfile::tempdir().expect("a folder");
    check_from(page, place.path().canonicalize().expect("the folder"));
}

/// A page that begins in this folder. `cd` changes it; `evento dev` runs until the end or until `evento verify`.
fn check_from(page: &str, mut folder: PathBuf) {
    let mut shell = Shell::new("127.0.0.1:0");
    let mut dev = None;
    for (command, wanted) in transcript(&std::fs::read_to_string(root().join(page)).expect("the page")) {
        if let Some(inner) = command.strip_prefix("cd ") {
            folder.push(inner);
        } else if command == "evento dev" {
            let started = Dev::start(&folder);
            shell = started.shell.clone();
            dev = Some(started);
        } else if command.starts_with("evento verify") {
            let stopped = dev.as_mut().expect("the page starts it before").stop();
            expect(page, &stopped, &folder, &command, &wanted);
        } else {
            expect(page, &shell, &folder, &command, &wanted);
        }
    }
    assert!(dev.is_some(), "{page} starts no server");
}

fn expect(page: &str, shell: &Shell, folder: &Path, command: &str, wanted: &str) {
    let (code, stdout, stderr) = shell.run(folder, command);
    // 4 is a business refusal.
    assert!(code == 0 || code == 4, "{page}: $ {command}\nexit {code}\n{stdout}{stderr}");
    if !wanted.is_empty() {
        assert_eq!(masked(&stdout), masked(wanted), "{page}: $ {command}");
    }
}

fn check(page: &str, folder: &str) {
    let folder = root().join(folder);
    let steps = transcript(&std::fs::read_to_string(root().join(page)).expect("the page"));
    assert!(!steps.is_empty(), "{page} shows nothing");
    let dev = Dev::start(&folder);
    for (command, wanted) in steps {
        expect(page, &dev.shell, &folder, &command, &wanted);
    }
}

/// A page that begins with `evento init bank`: its commands run in a new folder, those that send once
/// `evento dev` runs in the project. Cargo finds the SDK of this repository, and one folder for what it builds.
fn check_in_new_project(page: &str) {
    let steps = transcript(&std::fs::read_to_string(root().join(page)).expect("the page"));
    let folder = tempfile::tempdir().expect("a folder");
    let (sdk, builds) = (root().join("sdk/rust"), Path::new(env!("CARGO_TARGET_TMPDIR")).join("rust-project"));
    let config = format!(
        "[patch.crates-io]\nevento-sdk = {{ path = {:?} }}\n[build]\ntarget-dir = {:?}\n",
        sdk.display().to_string(),
        builds.display().to_string()
    );
    std::fs::create_dir(folder.path().join(".cargo")).expect("a folder");
    std::fs::write(folder.path().join(".cargo/config.toml"), config).expect("writable");
    let without_server = |line: &str| {
        let programs = Path::new(env!("CARGO_BIN_EXE_evento")).parent().expect("a folder");
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(folder.path()).env("PATH", path).env_remove("CARGO_TARGET_DIR");
        let output = command.output().expect("sh runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    };
    let mut dev: Option<Dev> = None;
    for (command, wanted) in steps {
        if command.starts_with("evento send") && dev.is_none() {
            dev = Some(Dev::start(&folder.path().join("bank")));
        }
        let (code, stdout, stderr) = match &dev {
            Some(dev) => dev.run(&folder.path().join("bank"), &command),
            None => without_server(&command),
        };
        assert_eq!(code, 0, "{page}: $ {command}\n{stdout}{stderr}");
        if !wanted.is_empty() {
            assert_eq!(masked(&stdout), masked(&wanted), "{page}: $ {command}");
        }
    }
}

#[test]
fn the_page_on_rust_leads_from_nothing_to_a_handled_command() {
    check_in_new_project("docs/functions-rust.md");
}

#[test]
fn the_readme_does_what_it_says() {
    check("README.md", "examples/bank");
}

#[test]
fn the_tutorial_does_what_it_says() {
    check("docs/tutorial-order.md", "examples/order-python");
}

#[test]
fn the_page_on_python_does_what_it_says() {
    check_project("docs/functions-python.md");
}

#[test]
fn the_page_on_go_does_what_it_says() {
    check_project("docs/functions-go.md");
}

#[test]
fn the_page_on_typescript_does_what_it_says() {
    check_project("docs/functions-typescript.md");
}

#[test]
fn the_page_on_java_does_what_it_says() {
    check_project("docs/functions-java.md");
}

#[test]
fn the_page_on_two_languages_does_what_it_says() {
    check_from("docs/polyglot.md", root());
}

#[test]
fn the_pages_on_the_bank_do_what_they_say() {
    for page in [
        "docs/http-api.md",
        "docs/command-line.md",
        "docs/conformance.md",
        "docs/resources.md",
        "docs/kafka.md",
        "docs/schema-registry.md",
        "docs/torture.md",
    ] {
        check(page, "examples/bank");
    }
}

#[test]
fn the_page_of_settings_is_that_of_the_program() {
    let page = root().join("docs/configuration.md");
    expect_test::expect_file![page].assert_eq(&evento::config::settings::reference());
}

#[test]
fn every_page_is_in_the_index() {
    let index = std::fs::read_to_string(root().join("docs/README.md")).expect("the index");
    for page in std::fs::read_dir(root().join("docs")).expect("the folder") {
        let name = page.expect("a page").file_name().into_string().expect("a name");
        assert!(name == "README.md" || !name.ends_with(".md") || index.contains(&format!("({name})")), "{name}");
    }
}

/// Every file below a folder with this ending.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("target") {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
}

#[test]
fn every_test_that_a_page_names_is_there() {
    let mut sources = Vec::new();
    files(&root().join("crates"), "rs", &mut sources);
    let code: String = sources.iter().map(|path| std::fs::read_to_string(path).expect("a source")).collect();
    let mut named = 0;
    for page in ["drills.md", "guarantees.md", "torture.md", "proof.md"] {
        let text = std::fs::read_to_string(root().join("docs").join(page)).unwrap_or_default();
        // A name of a test is long, and has words with underscores between them.
        let names = text.split('`').skip(1).step_by(2).filter(|name| name.matches('_').count() > 3);
        for name in names.filter(|name| name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_'))
        {
            if !name.starts_with("evento_") {
                assert!(code.contains(&format!("fn {name}(")), "{page} names {name}");
                named += 1;
            }
        }
    }
    assert!(named > 15, "{named} tests are named");
}
