//! Reading resource files: `-f FILE|DIR|-`, and the files that they name.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use evento_schema::resource::{
    FILE_BYTES_MAX, Finding, ResourceSet, SourceFile, attachment_key, parse_set, referenced_files,
};
use serde_json::{Value, json};

use super::failure::{Failure, Violation};

/// Where resources come from.
#[derive(clap::Args, Debug)]
pub struct Files {
    /// A file, a folder, or - for standard input; may be given several times
    #[arg(short, long = "file", value_name = "FILE|DIR|-", required = true)]
    files: Vec<PathBuf>,
    /// Also read folders within folders
    #[arg(short = 'R', long)]
    recursive: bool,
}

/// Resource files with everything they name.
#[derive(Debug, Default)]
pub struct Sources {
    // Bound: what the person's folder holds; a single file is at most FILE_BYTES_MAX.
    /// The files, in the order of their paths.
    pub files: Vec<SourceFile>,
    /// Texts of the files they name, by `attachment_key`.
    pub attachments: BTreeMap<String, String>,
}

impl Files {
    /// Reads everything. A folder without resource files is an error: a typing error must not look like success.
    pub fn read(&self) -> Result<Sources, Failure> {
        read_paths(&self.files, self.recursive)
    }
}

/// Reads these files and folders, and the files that they name.
pub fn read_paths(paths: &[PathBuf], recursive: bool) -> Result<Sources, Failure> {
    let mut sources = Sources::default();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text).map_err(|error| cannot_read(Path::new("-"), &error))?;
            let folder = std::env::current_dir().ok().map(|folder| folder.display().to_string());
            sources.files.push(SourceFile { path: "-".to_owned(), folder, text });
            continue;
        }
        let found = if path.is_dir() { resource_files(path, recursive)? } else { vec![path.clone()] };
        if found.is_empty() {
            return Err(Failure::usage(format!("{} holds no .yaml, .yml or .json file", path.display()))
                .next(if recursive { "is it the right folder?" } else { "-R also reads the folders in it" }));
        }
        for file in found {
            let text = read_text(&file).map_err(|error| cannot_read(&file, &error))?;
            let folder = std::path::absolute(&file).ok().and_then(|p| Some(p.parent()?.display().to_string()));
            sources.files.push(SourceFile { path: shown(&file), folder, text });
        }
    }
    for file in &sources.files {
        for written in referenced_files(file) {
            let key = attachment_key(&file.path, &written);
            let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
            let text = read_text(&folder.join(&written)).map_err(|error| {
                Failure::new(2007, format!("{} names {written}, which cannot be read", file.path))
                    .why(error.to_string())
                    .next("paths are relative to the file that names them")
            })?;
            sources.attachments.insert(key, text);
        }
    }
    Ok(sources)
}

impl Sources {
    /// The body of `POST /v1/apply` and `POST /v1/diff`.
    pub fn to_json(&self) -> Value {
        let files: Vec<Value> =
            self.files.iter().map(|f| json!({"path": f.path, "folder": f.folder, "text": f.text})).collect();
        json!({"files": files, "attachments": self.attachments})
    }

    /// Reads the documents without a server.
    pub fn parse(&self) -> Result<ResourceSet, Failure> {
        parse_set(&self.files, &self.attachments).map_err(|findings| refused("the files were refused", &findings))
    }

    /// How many documents there are beside those the violations speak of, if the files can be read at all.
    pub fn fine_beside(&self, violations: &[Violation]) -> Option<usize> {
        let set = parse_set(&self.files, &self.attachments).ok()?;
        let bad: std::collections::BTreeSet<&String> =
            violations.iter().filter(|v| !v.warning).filter_map(|v| v.resource.as_ref()).collect();
        Some(set.resources.len().saturating_sub(bad.len()))
    }
}

/// A failure with these findings.
pub fn refused(title: &str, findings: &[Finding]) -> Failure {
    let code = findings.iter().find(|finding| finding.is_error()).map_or(2001, |finding| finding.code.0);
    let mut failure = Failure::new(code, title);
    failure.violations = findings.iter().map(Violation::from).collect();
    failure
}

impl From<&Finding> for Violation {
    fn from(finding: &Finding) -> Violation {
        Violation::from_json(&finding.to_value())
    }
}

/// Resource files of a folder in the order of their names.
fn resource_files(folder: &Path, recursive: bool) -> Result<Vec<PathBuf>, Failure> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(|error| cannot_read(folder, &error))?;
    entries.sort();
    let mut found = Vec::new();
    for path in entries {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let known = path.extension().is_some_and(|e| ["yaml", "yml", "json"].iter().any(|known| e == *known));
        if hidden {
            continue;
        }
        if path.is_dir() {
            if recursive && !path.is_symlink() {
                found.extend(resource_files(&path, true)?);
            }
        } else if known {
            found.push(path);
        }
    }
    Ok(found)
}

fn read_text(path: &Path) -> std::io::Result<String> {
    let length = std::fs::metadata(path)?.len();
    // Bound: larger files are refused by the reader of documents too; here they are not even loaded.
    if length > FILE_BYTES_MAX as u64 {
        return Err(std::io::Error::other(format!("{length} bytes, at most {FILE_BYTES_MAX} are taken")));
    }
    std::fs::read_to_string(path)
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("{} cannot be read", path.display())).why(error.to_string())
}

/// The path as shown to people: without `./` at its start, with slashes.
fn shown(path: &Path) -> String {
    let text = path.display().to_string().replace('\\', "/");
    text.strip_prefix("./").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{read_paths, resource_files};

    #[test]
    fn folders_are_read_in_order_with_the_files_they_name() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
            std::fs::write(path, text).expect("it can be written");
        };
        write("resources/b.yml", "kind: Entity\nspec: {schemaFile: ../schemas/A.avsc}\n");
        write("resources/a.yaml", "kind: Entity\n");
        write("resources/.hidden.yaml", "kind: Entity\n");
        write("resources/notes.txt", "not a resource");
        write("resources/deeper/c.json", "{}");
        write("schemas/A.avsc", "{}");
        let resources = folder.path().join("resources");
        let names = |recursive| -> Vec<String> {
            let found: Vec<PathBuf> = resource_files(&resources, recursive).expect("it is there");
            found.iter().map(|p| p.strip_prefix(&resources).expect("within").display().to_string()).collect()
        };
        assert_eq!(names(false), ["a.yaml", "b.yml"]);
        assert_eq!(names(true), ["a.yaml", "b.yml", "deeper/c.json"]);
        let sources = read_paths(std::slice::from_ref(&resources), false).expect("all files are there");
        let key = format!("{}/schemas/A.avsc", folder.path().display());
        assert_eq!(sources.attachments.get(&key).map(String::as_str), Some("{}"));

        std::fs::remove_file(folder.path().join("schemas/A.avsc")).expect("it was there");
        let failure = read_paths(&[resources], false).expect_err("a named file is gone");
        assert_eq!(failure.code.map(|code| code.0), Some(2007));
    }
}
