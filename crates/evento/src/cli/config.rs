//! `evento config`: what is set and where it comes from.

use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use crate::config::settings::{self, Mode};
use crate::output::table::Table;

/// Show configuration and contexts
#[derive(clap::Subcommand)]
pub enum Verb {
    /// Every setting with its value
    View {
        /// Also show where each value comes from
        #[arg(long)]
        origins: bool,
        /// The defaults of `evento serve` instead of those of `evento dev`
        #[arg(long)]
        serve: bool,
    },
    /// The named addresses of the user's file
    Contexts,
    /// The reference page of all settings, in Markdown
    Reference,
}

/// Runs one of them.
pub fn run(context: &Context, verb: Verb) -> Result<Exit, Failure> {
    let output = &context.output;
    match verb {
        Verb::View { origins, serve } => {
            let config = context.config(if serve { Mode::Serve } else { Mode::Dev }, &[])?;
            let list = config.to_json(origins);
            if !output.for_people() {
                output.document(&list)?;
                return Ok(Exit::Done);
            }
            let headings: &[&str] = if origins { &["SETTING", "VALUE", "ORIGIN"] } else { &["SETTING", "VALUE"] };
            let mut table = Table::new(headings);
            for item in list["items"].as_array().into_iter().flatten() {
                let cell = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
                table.row([cell("name"), cell("value"), cell("origin")]);
            }
            output.text(&table.render(output.style, output.width))?;
        }
        Verb::Contexts => {
            let config = context.config(Mode::Dev, &[])?;
            let current = |name: &str| config.current_context.as_deref() == Some(name);
            if output.for_people() {
                let mut table = Table::new(&["CURRENT", "NAME", "ADDRESS"]);
                for found in &config.contexts {
                    let mark = if current(&found.name) { "*" } else { "" };
                    table.row([mark.to_owned(), found.name.clone(), found.address.clone()]);
                }
                output.text(&table.render(output.style, output.width))?;
            } else {
                let items: Vec<_> = config
                    .contexts
                    .iter()
                    .map(|c| json!({"name": c.name, "address": c.address, "current": current(&c.name)}))
                    .collect();
                output.document(&json!({"items": items}))?;
            }
        }
        Verb::Reference => output.text(&settings::reference())?,
    }
    Ok(Exit::Done)
}
