//! The cage: everything a function's container is created with, as one value and as the engine wants to read it.
//!
//! There is no switch that opens it. Source: the table of function-protocol 13.2.

use std::path::PathBuf;

use serde_json::{Value, json};

/// Label: the data directory whose Evento started it.
pub const LABEL_PROJECT: &str = "evento.project";
/// Label: the function's resource name.
pub const LABEL_FUNCTION: &str = "evento.function";
/// Label: the id of the image, which with the arguments is the artifact of the revision.
pub const LABEL_IMAGE: &str = "evento.image";

/// Where the private folder is inside.
const INSIDE: &str = "/run/evento";
/// Name of the socket in the private folder.
pub(crate) const SOCKET: &str = "f.sock";
/// Processes and threads at most.
const PIDS_MAX: u32 = 256;
/// Longest name of a host.
const HOSTNAME_BYTES_MAX: usize = 63;

/// A container to be created.
#[derive(Clone, Debug)]
pub struct Cage {
    /// The function's resource name.
    pub function: String,
    /// The data directory, for the label.
    pub project: String,
    /// The image's id.
    pub image: String,
    /// What is given to the image's program.
    pub args: Vec<String>,
    /// Memory in bytes; no swap beyond it.
    pub memory_bytes: u64,
    /// Processor time in thousandths of a core.
    pub cpus_milli: u32,
    /// Where private folders are made.
    pub socket_folder: PathBuf,
    /// Whether this is `evento dev`.
    pub development: bool,
}

/// Whom a container runs as.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct User {
    /// `uid:gid` inside.
    pub(crate) ids: String,
    /// How users inside are those outside, where the engine is to be told.
    pub(crate) namespace: Option<&'static str>,
}

impl User {
    /// The user of this process, as an engine of this kind calls it: a rootless Docker maps it to root inside, a
    /// rootless Podman to itself when asked to.
    pub(crate) fn of(podman: bool, rootless: bool) -> User {
        let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        match (podman, rootless) {
            (false, true) => User { ids: "0:0".to_owned(), namespace: None },
            (podman, rootless) => {
                User { ids: format!("{uid}:{gid}"), namespace: (podman && rootless).then_some("keep-id") }
            }
        }
    }
}

impl Cage {
    /// The body of the call that creates it.
    pub(crate) fn document(&self, folder: &str, instance: &str, user: &User) -> Value {
        let mut environment = vec![
            format!("EVENTO_LISTEN=unix:{INSIDE}/{SOCKET}"),
            format!("EVENTO_FUNCTION={}", self.function),
            format!("EVENTO_INSTANCE={instance}"),
            "EVENTO_PROTOCOL=1".to_owned(),
        ];
        if self.development {
            environment.push("EVENTO_DEV=1".to_owned());
        }
        // The same in every start, as an id made by the engine would not be.
        let hostname: String = self.function.chars().take(HOSTNAME_BYTES_MAX).collect();
        let mut document = json!({
            "Image": self.image,
            "Hostname": hostname,
            "User": user.ids,
            "Env": environment,
            "NetworkDisabled": true,
            "Labels": {LABEL_PROJECT: self.project, LABEL_FUNCTION: self.function, LABEL_IMAGE: self.image},
            "HostConfig": {
                "NetworkMode": "none",
                "ReadonlyRootfs": true,
                "Tmpfs": {"/tmp": "rw,noexec,nosuid,nodev,size=16m"},
                // Z: on a host with SELinux the folder becomes this container's own.
                "Binds": [format!("{folder}:{INSIDE}:rw,Z")],
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges"],
                "Memory": self.memory_bytes,
                "MemorySwap": self.memory_bytes,
                "NanoCpus": u64::from(self.cpus_milli) * 1_000_000,
                "PidsLimit": PIDS_MAX,
                "Init": true,
                "RestartPolicy": {"Name": "no"},
                // What it writes is kept in Evento's ring; the engine keeps this much beside.
                "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m"}},
            },
        });
        if !self.args.is_empty() {
            document["Cmd"] = json!(self.args);
        }
        if let Some(namespace) = user.namespace {
            document["HostConfig"]["UsernsMode"] = namespace.into();
        }
        document
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Cage, User};

    fn cage() -> Cage {
        Cage {
            function: "accounts".to_owned(),
            project: "/srv/bank".to_owned(),
            image: "sha256:ab".to_owned(),
            args: Vec::new(),
            memory_bytes: 256 << 20,
            cpus_milli: 1_500,
            socket_folder: "/srv/bank/sockets".into(),
            development: false,
        }
    }

    #[test]
    fn nothing_of_the_cage_is_missing() {
        let user = User { ids: "7:8".to_owned(), namespace: None };
        let document = cage().document("/srv/bank/sockets/c-1", "i1", &user);
        let wanted = [
            ("/User", json!("7:8")),
            ("/NetworkDisabled", json!(true)),
            ("/HostConfig/NetworkMode", json!("none")),
            ("/HostConfig/ReadonlyRootfs", json!(true)),
            ("/HostConfig/Tmpfs", json!({"/tmp": "rw,noexec,nosuid,nodev,size=16m"})),
            ("/HostConfig/Binds", json!(["/srv/bank/sockets/c-1:/run/evento:rw,Z"])),
            ("/HostConfig/CapDrop", json!(["ALL"])),
            ("/HostConfig/SecurityOpt", json!(["no-new-privileges"])),
            ("/HostConfig/Memory", json!(268_435_456)),
            ("/HostConfig/MemorySwap", json!(268_435_456)),
            ("/HostConfig/NanoCpus", json!(1_500_000_000_u64)),
            ("/HostConfig/PidsLimit", json!(256)),
            ("/HostConfig/Init", json!(true)),
            ("/HostConfig/RestartPolicy", json!({"Name": "no"})),
            ("/Labels/evento.function", json!("accounts")),
            ("/Hostname", json!("accounts")),
        ];
        for (pointer, value) in wanted {
            assert_eq!(document.pointer(pointer), Some(&value), "{pointer}");
        }
        let environment = ["EVENTO_LISTEN=unix:/run/evento/f.sock", "EVENTO_FUNCTION=accounts", "EVENTO_INSTANCE=i1"];
        assert_eq!(document["Env"], json!([&environment[..], &["EVENTO_PROTOCOL=1"]].concat()));
        assert!(document.get("Cmd").is_none() && document.pointer("/HostConfig/UsernsMode").is_none());
    }

    #[test]
    fn arguments_and_development_are_told() {
        let user = User { ids: "7:8".to_owned(), namespace: Some("keep-id") };
        let cage = Cage { args: vec!["--fast".to_owned()], development: true, ..cage() };
        let document = cage.document("/f", "i1", &user);
        assert_eq!(document["Cmd"], json!(["--fast"]));
        assert_eq!(document["HostConfig"]["UsernsMode"], json!("keep-id"));
        assert_eq!(document["Env"][4], json!("EVENTO_DEV=1"));
    }

    #[test]
    fn the_user_outside_owns_the_socket_under_every_kind_of_engine() {
        let own = format!("{}:{}", rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let table = [
            (false, false, own.as_str(), None),
            (true, false, own.as_str(), None),
            (false, true, "0:0", None),
            (true, true, own.as_str(), Some("keep-id")),
        ];
        for (podman, rootless, ids, namespace) in table {
            assert_eq!(User::of(podman, rootless), User { ids: ids.to_owned(), namespace }, "{podman} {rootless}");
        }
    }
}
