//! `evento init`: a project that runs, in a new folder.

use std::path::{Path, PathBuf};

use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Violation};
use crate::init::{TEMPLATES, Template, Written};

/// Make a project that runs
#[derive(clap::Args)]
#[command(after_help = "evento init bank && cd bank && evento dev")]
pub struct Args {
    /// The folder; it is made if it is not there
    #[arg(required_unless_present = "list")]
    folder: Option<PathBuf>,
    /// What to begin with
    #[arg(long, value_name = "NAME", default_value = TEMPLATES[0].name)]
    template: String,
    /// Write over files that are there
    #[arg(long)]
    force: bool,
    /// Only list the templates
    #[arg(long)]
    list: bool,
}

/// Writes the files of the template. Without --force nothing that is there is touched.
pub fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let Some(folder) = args.folder.filter(|_| !args.list) else {
        let lines: String = TEMPLATES.iter().map(|t| format!("{}  {}\n", t.name, t.about)).collect();
        context.output.text(&lines)?;
        return Ok(Exit::Done);
    };
    let template = Template::find(&args.template).ok_or_else(|| {
        let names: Vec<&str> = TEMPLATES.iter().map(|template| template.name).collect();
        Failure::usage(format!("there is no template {}", args.template)).next(format!("there is {}", names.join(", ")))
    })?;
    let absolute = std::path::absolute(&folder).map_err(|error| cannot_write(&folder, &error))?;
    let name = absolute.file_name().map_or("evento".into(), |name| name.to_string_lossy().into_owned());
    let files = template.files(&name);
    let present: Vec<&Written> = files.iter().filter(|file| folder.join(file.path).exists()).collect();
    if !present.is_empty() && !args.force {
        let mut failure =
            Failure::plain(Exit::Failed, format!("{} has files that would be written over", folder.display()))
                .next("choose another folder, or write over them with --force");
        let violation = |file: &&Written| Violation { message: file.path.to_owned(), ..Violation::default() };
        failure.violations = present.iter().map(violation).collect();
        return Err(failure);
    }
    for file in &files {
        write(&folder.join(file.path), file)?;
    }
    let shown = folder.display();
    context.output.text(&format!("{shown}: {} files, {}\n", files.len(), template.about))?;
    context.output.note(format!("next:\n  cd {shown} && evento dev\n  {}", template.first_command));
    Ok(Exit::Done)
}

fn write(path: &Path, file: &Written) -> Result<(), Failure> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let written = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(path, &file.text));
    written.map_err(|error| cannot_write(path, &error))?;
    #[cfg(unix)]
    if file.is_program {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
            .map_err(|error| cannot_write(path, &error))?;
    }
    Ok(())
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::plain(Exit::Failed, format!("{} cannot be written", path.display())).why(error.to_string())
}
