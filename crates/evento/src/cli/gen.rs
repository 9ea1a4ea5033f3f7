//! `evento gen`: typed code for a language, made from the resources and schemas of a project.
//!
//! What is made is decided by the crate `evento-gen`; here files are compared and written. A file that is as it
//! should be is not touched, so that builds see no change. Nothing is ever deleted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use evento_gen::{GenerateError, GeneratedFile, Ir, Language, MARK, Options, generate};
use serde_json::{Value, json};

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::files::{read_paths, refused};
use crate::config::settings::Mode;

/// Most files that are looked at for leftovers.
const LOOKED_AT_MAX: usize = 10_000;

/// Longest beginning of a file in which the mark of a generated file is looked for, in bytes.
const BEGINNING_BYTES_MAX: usize = 512;

/// Folders whose files are never somebody's generated code.
const PASSED_OVER: &[&str] = &["node_modules", "target", "build", "dist", "__pycache__"];

/// Make typed code of the schemas: types, codecs, and the interface a function implements
#[derive(clap::Args)]
#[command(after_help = "\
evento gen rust --out src/bank
evento gen python --out . --check     exits 9 if a file would change
")]
pub struct Args {
    /// rust, python, typescript, java or go
    #[arg(value_parser = str::parse::<Language>)]
    language: Language,
    /// Only these entities, by any of their names; may be given several times [default: all]
    #[arg(long = "entity", value_name = "NAME")]
    entities: Vec<String>,
    /// The folder for the files; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Package or module of the code, as the language names it
    #[arg(long, value_name = "NAME")]
    package: Option<String>,
    /// The folder of resources [default: dev.resources, resources]
    #[arg(long, value_name = "DIR")]
    resources: Option<PathBuf>,
    /// Write nothing; list what would change, and exit 9 if anything would
    #[arg(long)]
    check: bool,
}

/// What becomes of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Same,
    Changed,
    Created,
}

impl Fate {
    fn word(self, check: bool) -> &'static str {
        match (self, check) {
            (Fate::Same, _) => "unchanged",
            (Fate::Changed, false) => "changed",
            (Fate::Created, false) => "created",
            (Fate::Changed, true) => "would change",
            (Fate::Created, true) => "is missing",
        }
    }
}

/// Makes the code and writes it, or compares it with what is there.
pub fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let given = args.resources.as_ref().map(|path| path.display().to_string());
    let folder = context.config(Mode::Dev, &[("dev.resources", given)])?.path("dev.resources");
    if !folder.is_dir() {
        return Err(Failure::usage(format!("{} is no folder", folder.display()))
            .next("run evento gen where evento init made a project, or name the folder with --resources"));
    }
    let set = read_paths(&[folder], true)?.parse()?;
    let ir = Ir::build(&set, &args.entities).map_err(cannot_make)?;
    let options = Options { package: args.package.clone() };
    let files = generate(&ir, args.language, &options).map_err(cannot_make)?;
    let fates = files.iter().map(|file| fate(&args.out, file)).collect::<Result<Vec<Fate>, Failure>>()?;
    for (file, fate) in files.iter().zip(&fates) {
        if !args.check && *fate != Fate::Same {
            write(&args.out.join(&file.path), &file.text)?;
        }
    }
    let leftovers = leftovers(&args.out, &files);
    tell(context, &args, &files, &fates, &leftovers)?;
    let differs = args.check && fates.iter().any(|fate| *fate != Fate::Same);
    Ok(if differs { Exit::Differs } else { Exit::Done })
}

fn cannot_make(error: GenerateError) -> Failure {
    let title = error.to_string();
    match error {
        GenerateError::Resources(findings) => refused(&title, &findings).exit(Exit::Differs),
        GenerateError::UnknownEntity { near, .. } => {
            let failure = Failure::new(1001, title);
            if near.is_empty() {
                failure.next("evento schema check -f resources reads what is there")
            } else {
                failure.next(format!("did you mean {}?", near.join(" or ")))
            }
        }
        GenerateError::NoEntity => Failure::usage(title).next("is it the right folder?"),
        GenerateError::TwoShapes { .. } => Failure::new(2107, title)
            .why("code has one type for a name, whichever schema uses it")
            .next("make the definitions equal, or give one of them another name"),
        GenerateError::Annotation { .. } => Failure::new(2001, title),
        GenerateError::Unfit(_) => Failure::usage(title),
    }
}

fn fate(out: &Path, file: &GeneratedFile) -> Result<Fate, Failure> {
    let path = out.join(&file.path);
    match std::fs::read(&path) {
        Ok(bytes) if bytes == file.text.as_bytes() => Ok(Fate::Same),
        Ok(_) => Ok(Fate::Changed),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Fate::Created),
        Err(error) => Err(cannot("read", &path, &error)),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let parent = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| cannot("written", path, &error))
}

fn cannot(verb: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::plain(Exit::Failed, format!("{} cannot be {verb}", path.display())).why(error.to_string())
}

/// Files of earlier runs, by their mark, that are not made now. What cannot be read is nobody's leftover.
fn leftovers(out: &Path, files: &[GeneratedFile]) -> BTreeSet<String> {
    let made: BTreeSet<PathBuf> = files.iter().map(|file| out.join(&file.path)).collect();
    let mut open = vec![out.to_owned()];
    let (mut found, mut looked_at) = (BTreeSet::new(), 0);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            looked_at += 1;
            if looked_at > LOOKED_AT_MAX {
                return found;
            }
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let is = |kind: fn(&std::fs::FileType) -> bool| entry.file_type().is_ok_and(|of| kind(&of));
            if is(std::fs::FileType::is_dir) {
                let passed_over = name.starts_with('.') || PASSED_OVER.contains(&name.as_str());
                open.extend(Some(path).filter(|_| !passed_over));
            } else if is(std::fs::FileType::is_file) && !made.contains(&path) && has_mark(&path) {
                let below = path.strip_prefix(out).unwrap_or(&path);
                found.insert(below.display().to_string().replace('\\', "/"));
            }
        }
    }
    found
}

fn has_mark(path: &Path) -> bool {
    use std::io::Read;
    let mut beginning = Vec::with_capacity(BEGINNING_BYTES_MAX);
    let read =
        std::fs::File::open(path).and_then(|file| file.take(BEGINNING_BYTES_MAX as u64).read_to_end(&mut beginning));
    read.is_ok() && String::from_utf8_lossy(&beginning).contains(MARK)
}

fn tell(
    context: &Context,
    args: &Args,
    files: &[GeneratedFile],
    fates: &[Fate],
    leftovers: &BTreeSet<String>,
) -> Result<(), Failure> {
    let pairs = || files.iter().zip(fates);
    if !context.output.for_people() {
        let list: Vec<Value> =
            pairs().map(|(file, fate)| json!({"path": file.path, "is": fate.word(args.check)})).collect();
        let document = json!({"language": args.language.word(), "files": list, "leftovers": leftovers});
        return context.output.document(&document);
    }
    let changed = pairs().filter(|(_, fate)| **fate != Fate::Same);
    let lines: String =
        changed.map(|(file, fate)| format!("{} {}\n", shown(args, &file.path), fate.word(args.check))).collect();
    let count = fates.iter().filter(|fate| **fate == Fate::Same).count();
    let same = match (count, count == files.len()) {
        (0, false) => String::new(),
        (1, true) => "1 file is as it should be\n".to_owned(),
        (_, true) => format!("all {} are as they should be\n", plural(files.len())),
        (_, false) => format!("{} unchanged\n", plural(count)),
    };
    context.output.text(&format!("{lines}{same}"))?;
    for path in leftovers {
        context.output.note(format!("{} is of an earlier run and not made any more: delete it", shown(args, path)));
    }
    if args.check && !lines.is_empty() {
        context.output.note("the same without --check writes them");
    }
    Ok(())
}

fn shown(args: &Args, path: &str) -> String {
    args.out.join(path).display().to_string()
}

fn plural(count: usize) -> String {
    format!("{count} file{}", if count == 1 { "" } else { "s" })
}
