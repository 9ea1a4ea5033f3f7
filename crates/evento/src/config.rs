//! Configuration: flags, environment, `./evento.toml`, the user's file, defaults, in this order.
//!
//! One table ([`settings::SETTINGS`]) names every setting. Only this module reads the environment and the files;
//! the rest of the program gets a [`Config`] whose values are checked and know where they come from.

pub mod file;
pub mod settings;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::failure::Failure;
use settings::{Mode, SETTINGS, Setting};

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A flag of the command line.
    Flag(String),
    /// An environment variable.
    Environment(String),
    /// A line of a file.
    File(PathBuf, usize),
    /// The table of settings.
    Default,
}

/// All settings, resolved and checked.
#[derive(Debug, Clone)]
pub struct Config {
    // Bound: one entry per row of SETTINGS.
    values: BTreeMap<&'static str, (String, Origin)>,
    /// Named addresses of the user's file: name, address, line.
    pub contexts: Vec<file::Context>,
    /// The context chosen in the user's file.
    pub current_context: Option<String>,
}

/// Everything outside the program that configuration is read from; a test hands in its own.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// `./evento.toml`: how people call it, and its text if there is one.
    pub project: Option<(PathBuf, String)>,
    /// The user's file, likewise.
    pub user: Option<(PathBuf, String)>,
}

impl Surroundings {
    /// Reads the process environment and the two files. A file that is not there is no file.
    pub fn read() -> Result<Surroundings, Failure> {
        let environment: BTreeMap<String, String> =
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
        let user = user_file(&environment);
        Ok(Surroundings {
            project: text_of(Path::new("evento.toml"))?,
            user: user.map(|path| text_of(&path)).transpose()?.flatten(),
            environment,
        })
    }
}

impl Config {
    /// Resolves every setting. `flags` are pairs of setting and value given on the command line.
    pub fn load(mode: Mode, surroundings: &Surroundings, flags: &[(&'static str, String)]) -> Result<Config, Failure> {
        let mut values: BTreeMap<&'static str, (String, Origin)> =
            SETTINGS.iter().map(|s| (s.key, (s.default(mode).to_owned(), Origin::Default))).collect();
        let mut contexts = Vec::new();
        let mut current_context = None;
        for (found, is_user_file) in [(&surroundings.user, true), (&surroundings.project, false)] {
            let Some((path, text)) = found else { continue };
            let read = file::read(path, text, is_user_file)?;
            for (setting, value, line) in read.values {
                values.insert(setting.key, (value, Origin::File(path.clone(), line)));
            }
            contexts.extend(read.contexts);
            current_context = current_context.or(read.current_context);
        }
        for setting in SETTINGS {
            let name = setting.environment_name();
            if let Some(value) = surroundings.environment.get(&name) {
                values.insert(setting.key, (value.clone(), Origin::Environment(name)));
            }
        }
        for (key, value) in flags {
            let setting = Setting::find(key).expect("flags are bound to keys of the table");
            values.insert(setting.key, (value.clone(), Origin::Flag(setting.flag.unwrap_or(setting.key).to_owned())));
        }
        for setting in SETTINGS {
            let (value, origin) = &values[setting.key];
            setting.kind.check(value).map_err(|wrong| {
                Failure::new(7002, format!("{} = {value:?}: {wrong}", setting.key))
                    .why(format!("the value comes from {origin}"))
                    .next(format!("{} ({})", setting.doc, setting.kind))
            })?;
        }
        Ok(Config { values, contexts, current_context })
    }

    /// A setting as text. `key` must be in the table.
    pub fn text(&self, key: &str) -> &str {
        &self.values.get(key).expect("the key is in the table of settings").0
    }

    /// Where a setting comes from.
    pub fn origin(&self, key: &str) -> &Origin {
        &self.values.get(key).expect("the key is in the table of settings").1
    }

    /// A setting of kind duration, in milliseconds.
    pub fn duration_ms(&self, key: &str) -> u64 {
        crate::output::time::parse_duration_ms(self.text(key)).expect("durations were checked when loading")
    }

    /// A setting of kind bytes.
    pub fn bytes(&self, key: &str) -> u64 {
        settings::parse_bytes(self.text(key)).expect("sizes were checked when loading")
    }

    /// A setting of kind optional bytes; `None` if it is empty.
    pub fn optional_bytes(&self, key: &str) -> Option<u64> {
        (!self.text(key).is_empty()).then(|| self.bytes(key))
    }

    /// A setting that is a list with commas, without blanks and empty items.
    pub fn words(&self, key: &str) -> Vec<String> {
        self.text(key).split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    /// A setting of kind path; a relative one counts from the folder of the file that names it.
    pub fn path(&self, key: &str) -> PathBuf {
        let folder = match self.origin(key) {
            Origin::File(file, _) => file.parent().unwrap_or(Path::new("")),
            _ => Path::new(""),
        };
        folder.join(self.text(key))
    }

    /// Every setting with its value and origin, in the order of the table.
    pub fn to_json(&self, origins: bool) -> Value {
        let items = SETTINGS.iter().map(|setting| {
            let mut item = json!({"name": setting.key, "value": self.text(setting.key)});
            if origins {
                item["origin"] = json!(self.origin(setting.key).to_string());
            }
            item
        });
        json!({"items": items.collect::<Vec<_>>()})
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) => write!(f, "--{name}"),
            Origin::Environment(name) => f.write_str(name),
            Origin::File(path, line) => write!(f, "{}:{line}", path.display()),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// `$XDG_CONFIG_HOME/evento/config.toml`, or `~/.config/evento/config.toml`.
pub fn user_file(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let folder = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))?;
    Some(base.join("evento/config.toml"))
}

fn text_of(path: &Path) -> Result<Option<(PathBuf, String)>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some((path.to_owned(), text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(7002, format!("{} cannot be read", path.display())).why(error.to_string())),
    }
}

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;
