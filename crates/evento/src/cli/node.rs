//! Arguments of the verbs that are the server itself: `dev`, `serve`, `verify`.

use std::path::PathBuf;

use super::completion;
use super::context::Context;
use super::failure::Failure;
use super::target::Scope;
use crate::config::Config;
use crate::config::settings::Mode;

/// Run Evento with the functions of this folder, and watch them
#[derive(clap::Args, Debug, Clone)]
#[command(after_help = "Needs nothing else: store, HTTP API and functions run in and under this process.\n\
                        A changed file is applied, a changed function started anew. Ctrl-C ends it.")]
pub struct DevArgs {
    /// Where the HTTP API listens [default: http.listen, 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "random_ports")]
    pub listen: Option<String>,
    /// Where Kafka clients connect; "" turns it off [default: kafka.listen, 127.0.0.1:9092]
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "random_ports")]
    pub kafka_listen: Option<String>,
    /// Where the schema registry listens; "" turns it off [default: registry.listen, 127.0.0.1:8081]
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "random_ports")]
    pub registry_listen: Option<String>,
    /// Where everything is stored [default: data.dir, .evento]
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral")]
    pub data: Option<PathBuf>,
    /// The folder of resources to apply and watch [default: dev.resources, resources]
    #[arg(long, value_name = "DIR")]
    pub resources: Option<PathBuf>,
    /// Take free ports
    #[arg(long)]
    pub random_ports: bool,
    /// Keep data only as long as this process runs
    #[arg(long)]
    pub ephemeral: bool,
    /// Apply, check and end: for continuous integration
    #[arg(long)]
    pub once: bool,
    /// Form of the program's own log on stderr
    #[arg(long, value_name = "auto|text|json")]
    pub log_format: Option<String>,
}

/// Run Evento for good
#[derive(clap::Args, Debug, Clone)]
pub struct ServeArgs {
    /// Where the HTTP API listens [default: http.listen, 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,
    /// Where Kafka clients connect; "" turns it off [default: kafka.listen, 127.0.0.1:9092]
    #[arg(long, value_name = "HOST:PORT")]
    pub kafka_listen: Option<String>,
    /// Where the schema registry listens; "" turns it off [default: registry.listen, 127.0.0.1:8081]
    #[arg(long, value_name = "HOST:PORT")]
    pub registry_listen: Option<String>,
    /// Where everything is stored [default: data.dir, /var/lib/evento]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Form of the program's own log on stderr
    #[arg(long, value_name = "auto|text|json")]
    pub log_format: Option<String>,
}

/// Replay events and compare with the stored states
#[derive(clap::Args, Debug, Clone)]
pub struct VerifyArgs {
    /// An entity, or an instance as ENTITY/ID; without it everything
    #[arg(add = completion::instances())]
    pub scope: Option<Scope>,
    /// The data directory of an Evento that does not run [default: data.dir]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

fn text(path: Option<&PathBuf>) -> Option<String> {
    path.map(|path| path.display().to_string())
}

impl DevArgs {
    /// The configuration with these flags on top.
    pub fn config(&self, context: &Context) -> Result<Config, Failure> {
        let free = |given: &Option<String>| if self.random_ports { Some("127.0.0.1:0".into()) } else { given.clone() };
        context.config(
            Mode::Dev,
            &[
                ("http.listen", free(&self.listen)),
                ("kafka.listen", free(&self.kafka_listen)),
                ("registry.listen", free(&self.registry_listen)),
                ("data.dir", text(self.data.as_ref())),
                ("dev.resources", text(self.resources.as_ref())),
                ("log.format", self.log_format.clone()),
            ],
        )
    }
}

impl ServeArgs {
    /// The configuration with these flags on top.
    pub fn config(&self, context: &Context) -> Result<Config, Failure> {
        context.config(
            Mode::Serve,
            &[
                ("http.listen", self.listen.clone()),
                ("kafka.listen", self.kafka_listen.clone()),
                ("registry.listen", self.registry_listen.clone()),
                ("data.dir", text(self.data.as_ref())),
                ("log.format", self.log_format.clone()),
            ],
        )
    }
}

impl VerifyArgs {
    /// The configuration with these flags on top.
    pub fn config(&self, context: &Context) -> Result<Config, Failure> {
        context.config(Mode::Dev, &[("data.dir", text(self.data.as_ref()))])
    }
}
