//! A disk that is really full: a small file system in memory, filled to the last byte by somebody else.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::server::{Server, bank_function, bank_resources};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const DEPOSIT: &str = "/v1/entities/account/ada/commands/receive-deposit";

/// A mounted file system, gone with the value.
struct Small(PathBuf);

impl Small {
    fn mount(folder: &Path) -> Option<Small> {
        std::fs::create_dir_all(folder).expect("made");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=420m", "none"]).arg(folder).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Small(folder.to_owned()))
    }

    /// Takes everything that is left.
    fn fill(&self) {
        let filler = std::fs::File::create(self.0.join("filler")).expect("made");
        let mut filler = std::io::BufWriter::new(filler);
        while std::io::Write::write_all(&mut filler, &[1; 4_096]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("removed");
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l"]).arg(&self.0).output();
    }
}

#[test]
fn b11_a_really_full_disk_refuses_commands_answers_reads_restarts_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(small) = Small::mount(&folder.path().join("small")) else {
        eprintln!("not run: this user may not mount a file system");
        return;
    };
    let resources = bank_resources(folder.path(), bank_function(), "");
    let data = small.0.join("data");
    let mut server = Server::start(&data);
    server.apply(&resources);
    let open = server.post("/v1/entities/account/ada/commands/open-account", &[JSON], b"{\"owner\":\"Ada\"}");
    assert_eq!(open.expect("an answer").status, 200);
    let mut balance = 0;
    let mut deposit = |server: &Server| {
        let reply = server.post(DEPOSIT, &[JSON], b"{\"amount\":1}").expect("an answer");
        balance += i64::from(reply.status == 200);
        (reply.status, reply.text(), balance)
    };
    assert_eq!(deposit(&server).0, 200);

    for round in 0..2 {
        small.fill();
        let (status, text, _) = deposit(&server);
        assert_eq!(status, 507, "round {round}: {text}");
        assert!(text.contains("EV4005"), "{text}");
        assert_eq!(server.json("/v1/entities/account/ada")["seq"], 2 + round);
        if round == 1 {
            // What the server gave up of its reserve is what a start needs.
            server.kill();
            server = Server::start(&data);
            assert_eq!(server.json("/v1/entities/account/ada")["seq"], 2 + round);
            assert_eq!(deposit(&server).0, 507);
        }
        small.free();
        let until = Instant::now() + Duration::from_secs(30);
        while deposit(&server).0 != 200 {
            assert!(Instant::now() < until, "it does not go on: {}", deposit(&server).1);
            std::thread::yield_now();
        }
        let (state, seen) = (server.json("/v1/entities/account/ada"), round + 3);
        assert_eq!(
            (&state["seq"], &state["state"]["balance"]),
            (&serde_json::json!(seen), &serde_json::json!(seen - 1))
        );
    }
}
