//! What a verb gets from its surroundings: output at once, configuration and client when it asks.

use std::cell::OnceCell;

use super::Global;
use super::exit::Exit;
use super::failure::Failure;
use crate::client::{Address, Client};
use crate::config::settings::Mode;
use crate::config::{Config, Origin, Surroundings};
use crate::output::{Output, Wish};

/// The surroundings of one run. Nothing is read before a verb needs it, so that `explain` works anywhere.
pub struct Context {
    /// Where to print.
    pub output: Output,
    global: Global,
    surroundings: OnceCell<Surroundings>,
    client: OnceCell<Client>,
}

impl Context {
    /// A context for these options.
    pub fn new(global: &Global) -> Context {
        let wish = Wish {
            form: global.output,
            time_format: global.time_format,
            colour: global.color,
            quiet: global.quiet,
            verbosity: global.verbose,
        };
        Context {
            output: Output::new(wish),
            global: global.clone(),
            surroundings: OnceCell::new(),
            client: OnceCell::new(),
        }
    }

    /// Environment and files, read once.
    pub fn surroundings(&self) -> Result<&Surroundings, Failure> {
        if let Some(found) = self.surroundings.get() {
            return Ok(found);
        }
        let read = Surroundings::read()?;
        Ok(self.surroundings.get_or_init(|| read))
    }

    /// The configuration with a verb's own flags on top.
    pub fn config(&self, mode: Mode, flags: &[(&'static str, Option<String>)]) -> Result<Config, Failure> {
        let mut given: Vec<(&'static str, String)> =
            flags.iter().filter_map(|(key, value)| Some((*key, value.clone()?))).collect();
        if let Some(address) = &self.global.address {
            given.push(("client.address", address.clone()));
        }
        Config::load(mode, self.surroundings()?, &given)
    }

    /// The client, connected to the Evento that flags, environment and files name.
    pub fn client(&self) -> Result<&Client, Failure> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let (address, token) = self.target()?;
        Ok(self.client.get_or_init(|| Client::new(address, token, self.output.verbosity)))
    }

    /// The address and the token for it.
    fn target(&self) -> Result<(Address, Option<String>), Failure> {
        let config = self.config(Mode::Dev, &[])?;
        let environment = &self.surroundings()?.environment;
        let wrong = |why: String| Failure::new(7002, why).next("evento config contexts lists the named ones");
        let explicit = matches!(config.origin("client.address"), Origin::Flag(_) | Origin::Environment(_));
        let chosen = self.global.context.as_ref().or_else(|| environment.get("EVENTO_CONTEXT"));
        // A context named for this run wins over the one of the file, an address over both.
        let name = match (explicit, chosen) {
            (true, _) => None,
            (false, Some(name)) => Some(name),
            (false, None) if config.text("client.address").is_empty() => config.current_context.as_ref(),
            (false, None) => None,
        };
        if let Some(name) = name {
            let context = config
                .contexts
                .iter()
                .find(|context| context.name == *name)
                .ok_or_else(|| wrong(format!("there is no context {name}")))?;
            let address = context.address.parse().map_err(wrong)?;
            let token = match &context.token_file {
                None => None,
                Some(file) => {
                    let text = std::fs::read_to_string(file)
                        .map_err(|error| wrong(format!("the token file of context {name}: {error}")))?;
                    Some(text.trim().to_owned())
                }
            };
            return Ok((address, token));
        }
        let text = match config.text("client.address") {
            "" => config.text("http.listen"),
            text => text,
        };
        Ok((text.parse().map_err(wrong)?, None))
    }
}

impl Failure {
    /// The reader of stdout went away, such as `head`: no error, and nobody to tell.
    pub fn gone() -> Failure {
        let mut failure = Failure::plain(Exit::Done, "stdout is closed");
        failure.silent = true;
        failure
    }
}
