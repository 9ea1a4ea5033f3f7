//! `evento delete`: one resource, or all of some files.

use evento_schema::resource::Kind;
use serde_json::Value;

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::files::read_paths;
use super::get::ResourceTarget;
use super::{apply, completion};
use crate::client::{Request, encode, with_query};
use crate::output::change;

/// Delete resources
#[derive(clap::Args)]
#[command(after_help = "evento delete command/withdraw-cash\nevento delete -f resources/function.yaml")]
pub struct Args {
    /// KIND/NAME
    #[arg(required_unless_present = "files", conflicts_with = "files", add = completion::resources())]
    resource: Option<ResourceTarget>,
    /// Every resource of these files or folders, - for standard input
    #[arg(short, long = "file", value_name = "FILE|DIR|-")]
    files: Vec<std::path::PathBuf>,
    /// Also the last function of its commands; they wait
    #[arg(long)]
    force: bool,
}

/// Deletes, dependants first.
pub fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let mut targets: Vec<(String, String)> = Vec::new();
    if let Some(ResourceTarget { kind, name }) = args.resource {
        targets.push((kind.to_owned(), name));
    } else {
        let set = read_paths(&args.files, false)?.parse()?;
        // Order: functions name commands, commands name events, all name entities.
        for kind in [Kind::Function, Kind::Command, Kind::Event, Kind::Entity] {
            let of_kind = set.resources.iter().filter(|resource| resource.kind == kind);
            targets.extend(of_kind.map(|resource| (kind.lower().to_owned(), resource.name.as_str().to_owned())));
        }
    }
    let client = context.client()?;
    for (kind, name) in targets {
        let path =
            with_query(&format!("/v1/resources/{kind}/{}", encode(&name)), &[("force", args.force.then_some("true"))]);
        let refused = |mut failure: Failure| {
            // The findings speak of what is stored; the file it once came from may be another by now.
            failure.violations.iter_mut().for_each(|violation| violation.file = None);
            if !failure.violations.is_empty() {
                failure.why = None;
            }
            failure
        };
        let document = client.send(Request::delete(path)).map_err(refused)?.json()?;
        if !context.output.for_people() {
            context.output.document(&document)?;
        } else if document["differences"].as_array().is_some_and(|list: &Vec<Value>| !list.is_empty()) {
            context.output.text(&change::text(&document, context.output.style))?;
            apply::warn(&context.output, &document);
        } else {
            context.output.text(&format!("{}    {kind}/{name}\n", context.output.style.status("deleted")))?;
        }
    }
    Ok(Exit::Done)
}
