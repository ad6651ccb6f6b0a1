//! Where settings come from: the process environment, `.env`, and the file `LATIDO_CONFIG` names.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::reader::{Problem, unreadable};

/// Settings of one source by key name.
pub type Layer = BTreeMap<String, String>;

/// The key that names the TOML file. It is not a setting itself.
pub const CONFIG_FILE: &str = "LATIDO_CONFIG";

/// Everything the configuration is read from, in the order in which it is asked.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The process environment.
    pub environment: Layer,
    /// The `.env` file of the working directory.
    pub dotenv: Layer,
    /// The TOML file, its keys in upper case.
    pub file: Layer,
    /// Reads the file that holds a secret.
    pub read_file: fn(&Path) -> io::Result<String>,
    /// True for `serve --demo`, which is development unless `NODE_ENV` says otherwise, and then
    /// it is refused.
    pub is_demo: bool,
    /// What could not be read at all.
    pub problems: Vec<Problem>,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            environment: Layer::new(),
            dotenv: Layer::new(),
            file: Layer::new(),
            read_file: |path| std::fs::read_to_string(path),
            is_demo: false,
            problems: Vec::new(),
        }
    }
}

impl Sources {
    /// The sources of this process and its working directory.
    pub fn of_process(is_demo: bool) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
            .collect();
        let mut sources = Self { environment, is_demo, ..Self::default() };
        match std::fs::read_to_string(".env") {
            Ok(text) => sources.add_dotenv(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let rule = format!("cannot be read: {}", error.kind());
                sources.problems.push(Problem::new(".env", rule));
            }
        }
        let named =
            sources.environment.get(CONFIG_FILE).or_else(|| sources.dotenv.get(CONFIG_FILE));
        if let Some(path) = named.filter(|path| !path.is_empty()).cloned() {
            match std::fs::read_to_string(path) {
                Ok(text) => sources.add_toml(&text),
                Err(error) => {
                    sources.problems.push(Problem::new(CONFIG_FILE, unreadable(&error)));
                }
            }
        }
        sources
    }

    /// Reads the text of a `.env` file.
    pub fn add_dotenv(&mut self, text: &str) {
        for line in dotenvy::from_read_iter(text.as_bytes()) {
            match line {
                Ok((name, text)) => drop(self.dotenv.insert(name, text)),
                // The error holds the line, and the line may hold a secret.
                Err(dotenvy::Error::LineParse(line, _)) => {
                    let number = text.lines().position(|known| known.trim() == line.trim());
                    let place = number.map_or(String::new(), |n| format!(" in line {}", n + 1));
                    self.problems.push(Problem::new(".env", format!("is not KEY=value{place}")));
                }
                Err(_) => self.problems.push(Problem::new(".env", "cannot be read")),
            }
        }
    }

    /// Reads the text of a TOML file: one flat table.
    pub fn add_toml(&mut self, text: &str) {
        let table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => {
                let line = error.span().map_or(1, |span| {
                    text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1
                });
                self.problems
                    .push(Problem::new(CONFIG_FILE, format!("is not TOML in line {line}")));
                return;
            }
        };
        for (name, value) in table {
            match flat(&value) {
                Some(text) if name == name.to_lowercase() => {
                    self.file.insert(name.to_uppercase(), text);
                }
                Some(_) => {
                    self.problems.push(Problem::new(name, "must be in lower case in a file"));
                }
                None => self.problems.push(Problem::new(
                    name,
                    "must be text, a number, true, false or a list of these",
                )),
            }
        }
    }

    pub(super) fn layers(&self) -> [&Layer; 3] {
        [&self.environment, &self.dotenv, &self.file]
    }
}

/// The text a TOML value would have in the environment; a list becomes a comma list.
fn flat(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        toml::Value::Array(items) => {
            items.iter().map(flat).collect::<Option<Vec<_>>>().map(|items| items.join(","))
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}
