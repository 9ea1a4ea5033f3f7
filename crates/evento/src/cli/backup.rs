//! `evento backup` and `evento restore`: everything up to one commit into an archive, and the way back.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use evento_log::embedded::{EmbeddedConfig, Fault, Restored, restore as make};
use evento_model::Timestamp;
use serde_json::json;

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use crate::client::Download;
use crate::config::settings::Mode;
use crate::output::progress::{Progress, grouped};

/// Write everything up to one commit into an archive, while Evento runs
#[derive(clap::Args, Debug, Clone)]
#[command(after_help = "evento backup monday.tar\n\
                        evento backup - | ssh elsewhere 'cat > monday.tar'\n\n\
                        A POSIX tar archive with the SHA-256 of each of its files. States are not in it: evento restore\n\
                        makes a data directory of it, and its first start makes them anew from the events.")]
pub struct BackupArgs {
    /// The archive; - is stdout
    pub file: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
}

/// Make a data directory from an archive
#[derive(clap::Args, Debug, Clone)]
#[command(after_help = "evento restore monday.tar --data /var/lib/evento\n\n\
                        The directory must not be there, or be empty; it appears when it is whole. Commands that had no\n\
                        outcome when the backup was taken are tried again.")]
pub struct RestoreArgs {
    /// The archive; - is stdin
    pub file: PathBuf,
    /// The data directory to make [default: data.dir]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Takes a backup of the Evento at the address.
pub fn backup(context: &Context, args: &BackupArgs) -> Result<Exit, Failure> {
    let to_stdout = args.file.as_os_str() == "-";
    if !to_stdout && !args.force && args.file.exists() {
        let title = format!("{} is there already", args.file.display());
        return Err(Failure::usage(title).next("choose another name, or replace it with --force"));
    }
    let client = context.client()?;
    let download = client.download("/v1/backup")?;
    let number = |name: &str| download.header(name).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let (commit, bytes) = (number("evento-backup-commit"), number("evento-backup-bytes"));
    let taken_at = Timestamp(number("evento-backup-taken") as i64).rfc3339().to_string();
    let silent = context.output.quiet || !context.output.for_people();
    let mut progress = Progress::new("backup", "bytes", bytes, silent);
    let written = match to_stdout {
        true => copy(download, io::stdout().lock(), |done| progress.set(done))?,
        false => write_file(download, &args.file, |done| progress.set(done))?,
    };
    drop(progress);
    let file = args.file.display().to_string();
    if to_stdout {
        context.output.note(format!(
            "backup of commit {}, taken {taken_at}: {} bytes",
            grouped(commit),
            grouped(written)
        ));
    } else if context.output.for_people() {
        let text =
            format!("backup of commit {}, taken {taken_at}   {} bytes   {file}\n", grouped(commit), grouped(written));
        context.output.text(&text)?;
    } else {
        context.output.document(&json!({"commit": commit, "takenAt": taken_at, "bytes": written, "file": file}))?;
    }
    Ok(Exit::Done)
}

/// Into a file beside it, which gets its name when all of it is on the disk.
fn write_file(download: Download, file: &Path, done: impl FnMut(u64)) -> Result<u64, Failure> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = file.with_file_name(name);
    let failed = |error: io::Error| unwritten(&part, &error);
    let mut out = File::create(&part).map_err(failed)?;
    let copied = copy(download, &mut out, done).and_then(|copied| {
        out.sync_all().map_err(failed)?;
        std::fs::rename(&part, file).map_err(failed)?;
        Ok(copied)
    });
    if copied.is_err() {
        // What is left of it is of no use to anybody; that it stays is no further harm.
        let _ = std::fs::remove_file(&part);
    }
    copied
}

fn copy(mut download: Download, mut out: impl Write, mut done: impl FnMut(u64)) -> Result<u64, Failure> {
    let (mut buffer, mut copied) = (vec![0; 256 << 10], 0);
    loop {
        let read = download.read(&mut buffer).map_err(|error| {
            Failure::new(7001, "the backup broke off: nothing of it is kept")
                .why(error.to_string())
                .next("look whether Evento still runs, and take it again")
        })?;
        if read == 0 {
            out.flush().map_err(|error| unwritten(Path::new("the archive"), &error))?;
            return Ok(copied);
        }
        out.write_all(&buffer[..read]).map_err(|error| unwritten(Path::new("the archive"), &error))?;
        copied += read as u64;
        done(copied);
    }
}

fn unwritten(file: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("{} cannot be written: {error}", file.display()))
}

/// Makes a data directory.
pub fn restore(context: &Context, args: &RestoreArgs) -> Result<Exit, Failure> {
    let given = args.data.as_ref().map(|path| path.display().to_string());
    let config = context.config(Mode::Dev, &[("data.dir", given)])?;
    let data = config.path("data.dir");
    let from_stdin = args.file.as_os_str() == "-";
    let (archive, total): (Box<dyn Read>, u64) = match from_stdin {
        true => (Box::new(io::stdin().lock()), 0),
        false => {
            let file = File::open(&args.file);
            let file = file.map_err(|error| Failure::usage(format!("{}: {error}", args.file.display())))?;
            let bytes = file.metadata().map_or(0, |meta| meta.len());
            (Box::new(io::BufReader::with_capacity(256 << 10, file)), bytes)
        }
    };
    let silent = context.output.quiet || !context.output.for_people();
    let mut progress = Progress::new("restore", "bytes", total, silent);
    let restored = make(&EmbeddedConfig::new(&data), archive, |done| progress.set(done));
    drop(progress);
    let Restored { commit_seq, taken_at, files, bytes } = restored.map_err(|fault| unrestored(&fault))?;
    let taken_at = taken_at.rfc3339().to_string();
    if context.output.for_people() {
        let (commit, data) = (grouped(commit_seq), data.display());
        context.output.text(&format!(
            "restored commit {commit}, taken {taken_at}   {files} files   {} bytes   {data}\n",
            grouped(bytes)
        ))?;
        context.output.note("the states are made anew from the events when it is first started");
    } else {
        let document = json!({"commit": commit_seq, "takenAt": taken_at, "files": files, "bytes": bytes,
            "data": data.display().to_string()});
        context.output.document(&document)?;
    }
    Ok(Exit::Done)
}

fn unrestored(fault: &Fault) -> Failure {
    let next = match fault {
        Fault::Occupied { .. } => "name a directory that is not there yet with --data: nothing is ever replaced",
        Fault::Corrupt { .. } | Fault::Read { .. } => "take another backup: nothing of this one was kept",
        _ => "look at the disk's free space and permissions: nothing was kept",
    };
    Failure::new(fault.code().0, fault.to_string()).next(next)
}
