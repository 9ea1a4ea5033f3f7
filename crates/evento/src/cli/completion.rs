//! Shell completion: the script, and the answers it asks this program for while a person types.

use std::ffi::OsStr;
use std::time::Duration;

use clap::CommandFactory;
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::Shells;

use super::Cli;
use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use crate::client::{self, Address};
use crate::config::settings::Mode;
use crate::config::{Config, Surroundings};

/// The variable by which the script asks.
const VARIABLE: &str = "EVENTO_COMPLETE";
/// How long a person is kept waiting for names from the server.
const BUDGET: Duration = Duration::from_millis(300);

/// Write a completion script
#[derive(clap::Args)]
#[command(after_help = "bash:  evento completion bash > ~/.local/share/bash-completion/completions/evento\n\
                        zsh:   evento completion zsh > \"${fpath[1]}/_evento\"\n\
                        fish:  evento completion fish > ~/.config/fish/completions/evento.fish")]
pub struct Args {
    /// The shell
    #[arg(value_parser = ["bash", "zsh", "fish", "powershell", "elvish"])]
    shell: String,
}

/// Prints the script.
pub fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let shells = Shells::builtins();
    let shell = shells.completer(&args.shell).expect("the parser lets only known shells through");
    let mut script = Vec::new();
    shell
        .write_registration(VARIABLE, "evento", "evento", "evento", &mut script)
        .map_err(|error| Failure::plain(Exit::Failed, format!("the script cannot be written: {error}")))?;
    context.output.bytes(&script)?;
    Ok(Exit::Done)
}

/// Answers the script and ends the program, if it is the script that asks.
pub fn answer() {
    CompleteEnv::with_factory(Cli::command).var(VARIABLE).complete();
}

/// Completes names of resources of these kinds.
pub fn names(kinds: &'static [&'static str]) -> ArgValueCompleter {
    ArgValueCompleter::new(move |typed: &OsStr| {
        let typed = typed.to_string_lossy().into_owned();
        kinds
            .iter()
            .flat_map(|kind| ask(&format!("/v1/resources/{kind}")))
            .filter_map(|resource| {
                let name = resource["metadata"]["name"].as_str()?.to_owned();
                name.starts_with(&typed).then(|| CompletionCandidate::new(name))
            })
            .collect()
    })
}

/// Completes `ENTITY/ID`: entities first, ids behind the slash.
pub fn instances() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let typed = typed.to_string_lossy().into_owned();
        match typed.split_once('/') {
            None => ask("/v1/resources/entity")
                .filter_map(|entity| Some(format!("{}/", entity["metadata"]["name"].as_str()?)))
                .filter(|name| name.starts_with(&typed))
                .map(CompletionCandidate::new)
                .collect(),
            Some((entity, prefix)) => {
                let path = format!("/v1/entities/{}", client::encode(entity));
                ask(&client::with_query(&path, &[("prefix", Some(prefix)), ("limit", Some("50"))]))
                    .filter_map(|instance| Some(format!("{entity}/{}", instance["id"].as_str()?)))
                    .map(CompletionCandidate::new)
                    .collect()
            }
        }
    })
}

/// Completes `KIND/NAME`.
pub fn resources() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let typed = typed.to_string_lossy().into_owned();
        let kind = typed.split('/').next().unwrap_or_default();
        let kinds = ["entity", "command", "event", "function"];
        match super::get::KINDS.iter().find(|(_, names)| names.contains(&kind)) {
            Some((kind_name, _)) if typed.contains('/') => ask(&format!("/v1/resources/{kind_name}"))
                .filter_map(|resource| Some(format!("{kind}/{}", resource["metadata"]["name"].as_str()?)))
                .filter(|name| name.starts_with(&typed))
                .map(CompletionCandidate::new)
                .collect(),
            _ => {
                let matching = kinds.iter().filter(|name| name.starts_with(&typed));
                matching.map(|name| CompletionCandidate::new(format!("{name}/"))).collect()
            }
        }
    })
}

/// The items of a list of the server; nothing when it is silent, slow or not there.
fn ask(path: &str) -> impl Iterator<Item = serde_json::Value> + use<> {
    let answer = || {
        let surroundings = Surroundings::read().ok()?;
        let config = Config::load(Mode::Dev, &surroundings, &[]).ok()?;
        let text = match config.text("client.address") {
            "" => config.text("http.listen"),
            text => text,
        };
        let address: Address = text.parse().ok()?;
        let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).timeout_global(Some(BUDGET)).build().into();
        let body = agent.get(format!("{address}{path}")).call().ok()?.into_body().read_to_vec().ok()?;
        serde_json::from_slice::<serde_json::Value>(&body).ok()?["items"].as_array().cloned()
    };
    answer().unwrap_or_default().into_iter()
}
