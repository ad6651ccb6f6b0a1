//! Finds the text of every key in its sources, then hands out typed values and collects problems.

use std::collections::BTreeMap;
use std::fmt;

use super::key::{Default, Key};
use super::setting::{Rule, Setting};
use super::sources::{Layer, Sources};
use super::values::Environment;

/// Something wrong with the configuration: which key, and the rule it breaks. Never the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub key: String,
    pub rule: Rule,
}

impl Problem {
    pub fn new(key: impl Into<String>, rule: impl Into<Rule>) -> Self {
        Self { key: key.into(), rule: rule.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.rule)
    }
}

/// The keys somebody set, and what was wrong with them so far.
pub struct Reader {
    keys: Vec<&'static Key>,
    set: BTreeMap<&'static str, String>,
    environment: Environment,
    problems: Vec<Problem>,
}

impl Reader {
    /// Looks every key up. `fallback` is the environment when `NODE_ENV` does not say.
    pub(super) fn new(
        keys: Vec<&'static Key>,
        sources: &Sources,
        environment_key: &'static Key,
        fallback: Environment,
    ) -> Self {
        let mut problems = sources.problems.clone();
        let set = keys
            .iter()
            .filter_map(|key| Some((key.name, find(key, sources, &mut problems)?)))
            .collect();
        let mut reader = Self { keys, set, environment: fallback, problems };
        // A word that is no environment is reported when the field is read; until then the
        // stricter rules hold.
        if let Some(text) = reader.text(environment_key.name) {
            reader.environment =
                Environment::parse(text, environment_key).unwrap_or(Environment::Production);
        }
        reader
    }

    pub(super) fn environment(&self) -> Environment {
        self.environment
    }

    /// The text of a key that somebody set.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.set.get(name).map(String::as_str)
    }

    /// The value a key will have, without reporting when it has none.
    pub(super) fn peek<T: Setting>(&self, name: &str) -> Option<T> {
        let key = self.keys.iter().find(|key| key.name == name)?;
        self.value(key).ok()
    }

    /// The value of a key, or a problem.
    pub(super) fn read<T: Setting>(&mut self, key: &Key) -> Option<T> {
        match self.value(key) {
            Ok(value) => Some(value),
            Err(rule) => {
                self.problem(key.name, rule);
                None
            }
        }
    }

    pub(super) fn problem(&mut self, key: &str, rule: impl Into<Rule>) {
        // The reason is the one found first: a secret that could not be read is not also missing.
        let is_reported =
            |known: &Problem| known.key == key || known.key.strip_suffix("_FILE") == Some(key);
        if !self.problems.iter().any(is_reported) {
            self.problems.push(Problem::new(key, rule));
        }
    }

    /// Keys that only make sense together: each one missing is a problem when another is set.
    pub(super) fn all_or_none(&mut self, names: &[&'static str]) {
        let Some(present) = names.iter().find(|name| self.text(name).is_some()) else { return };
        for name in names.iter().filter(|name| self.text(name).is_none()).collect::<Vec<_>>() {
            self.problem(name, format!("must be set together with {present}"));
        }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    fn value<T: Setting>(&self, key: &Key) -> Result<T, Rule> {
        let default = || match key.default {
            Default::None => None,
            Default::Text(text) => Some(text.to_owned()),
            Default::ByEnvironment { production, development } => Some(match self.environment {
                Environment::Production => production.to_owned(),
                Environment::Development => development.to_owned(),
            }),
            Default::Computed { by, .. } => by(self),
        };
        match self.text(key.name).map(str::to_owned).or_else(default) {
            Some(text) => {
                if let Some(check) = key.check {
                    check(&text)?;
                }
                T::parse(&text, key)
            }
            None => T::absent().ok_or_else(|| "is required in production".into()),
        }
    }
}

/// The one text of a key under all its names.
fn find(key: &Key, sources: &Sources, problems: &mut Vec<Problem>) -> Option<String> {
    let mut found: Option<(&str, String)> = None;
    for name in key.names() {
        let text = match find_name(name, key.is_secret, sources) {
            Ok(text) => text,
            Err(problem) => {
                problems.push(problem);
                None
            }
        };
        match (&found, text) {
            (Some((first, known)), Some(text)) if *known != text => {
                problems
                    .push(Problem::new(name, format!("must equal {first}, which is set as well")));
            }
            (None, Some(text)) => found = Some((name, text)),
            _ => {}
        }
    }
    found.map(|(_, text)| text)
}

/// The text of one name from the first source that has it. A name set to nothing means the
/// default, also when a later source says otherwise.
fn find_name(name: &str, is_secret: bool, sources: &Sources) -> Result<Option<String>, Problem> {
    let file_key = format!("{name}_FILE");
    for layer in sources.layers() {
        let plain = layer.get(name);
        let file = is_secret.then(|| layer.get(&file_key)).flatten();
        match (non_empty(plain), non_empty(file)) {
            (Some(_), Some(_)) => {
                return Err(Problem::new(name, format!("and {file_key} are both set")));
            }
            (Some(text), None) if is_secret => return Ok(Some(text.to_owned())),
            (Some(text), None) => return Ok(Some(text.trim().to_owned())),
            (None, Some(path)) => {
                let text = (sources.read_file)(path.as_ref())
                    .map_err(|error| Problem::new(file_key, unreadable(&error)))?;
                let text = text.trim_end_matches(['\n', '\r']);
                return Ok(Some(text.to_owned()).filter(|text| !text.is_empty()));
            }
            (None, None) if plain.or(file).is_some() => return Ok(None),
            (None, None) => {}
        }
    }
    Ok(None)
}

fn non_empty(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.trim().is_empty())
}

pub(super) fn unreadable(error: &std::io::Error) -> String {
    format!("names a file that cannot be read: {}", error.kind())
}

/// Whether a source may hold this name.
pub(super) fn is_known(name: &str, keys: &[&'static Key]) -> bool {
    keys.iter().any(|key| {
        key.names().any(|known| {
            known == name || (key.is_secret && name.strip_suffix("_FILE") == Some(known))
        })
    })
}

/// Problems of a file of settings: every name in it that means nothing.
pub(super) fn unknown_names(layer: &Layer, keys: &[&'static Key]) -> Vec<Problem> {
    layer
        .keys()
        .filter(|name| !is_known(name, keys))
        .map(|name| Problem::new(name.to_lowercase(), "is not a key of the configuration file"))
        .collect()
}
