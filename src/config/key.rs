//! What a configuration key is, and the [`section!`] table that turns keys into typed fields.

use super::reader::Reader;

/// One key of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    pub name: &'static str,
    /// Other names of the same setting. When several are set they must agree.
    pub aliases: &'static [&'static str],
    /// What happens when nobody sets it.
    pub default: Default,
    /// What it means, in one sentence.
    pub doc: &'static str,
    /// A secret may also come from the file that `<name>_FILE` names.
    pub is_secret: bool,
    /// Least and greatest number, both included.
    pub(super) range: (u64, u64),
    pub(super) unit: Unit,
    /// The rule a value breaks, beyond what its type already says.
    pub(super) check: Option<Check>,
}

/// Names the rule that a value breaks.
pub(super) type Check = fn(&str) -> Result<(), &'static str>;

/// The value of a key that is not set.
#[derive(Debug, Clone, Copy)]
pub enum Default {
    /// Optional keys stay empty, others are required.
    None,
    Text(&'static str),
    ByEnvironment {
        production: &'static str,
        development: &'static str,
    },
    /// Worked out at start; `says` describes it.
    Computed {
        says: &'static str,
        by: fn(&Reader) -> Option<String>,
    },
}

/// What one step of a [`std::time::Duration`] setting is worth.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Milliseconds,
    Seconds,
    Minutes,
    Hours,
    Days,
}

impl Key {
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            name,
            aliases: &[],
            default: Default::None,
            doc: "",
            is_secret: false,
            range: (0, i64::MAX as u64),
            unit: Unit::Seconds,
            check: None,
        }
    }

    pub(super) const fn or(self, text: &'static str) -> Self {
        Self { default: Default::Text(text), ..self }
    }

    pub(super) const fn or_in(self, production: &'static str, development: &'static str) -> Self {
        Self { default: Default::ByEnvironment { production, development }, ..self }
    }

    pub(super) const fn or_else(
        self,
        says: &'static str,
        by: fn(&Reader) -> Option<String>,
    ) -> Self {
        Self { default: Default::Computed { says, by }, ..self }
    }

    pub(super) const fn aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    pub(super) const fn range(self, least: u64, greatest: u64) -> Self {
        Self { range: (least, greatest), ..self }
    }

    pub(super) const fn unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    pub(super) const fn check(self, check: Check) -> Self {
        Self { check: Some(check), ..self }
    }

    pub(super) const fn described(self, doc: &'static str, is_secret: bool) -> Self {
        Self { doc, is_secret, ..self }
    }

    /// Its name and aliases.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// The default as a reader of `.env.example` sees it.
    pub fn default_text(&self) -> String {
        match self.default {
            Default::None => shown("").to_owned(),
            Default::Text(text) => shown(text).to_owned(),
            Default::ByEnvironment { production, development } => {
                format!("{}, in development {}", shown(production), shown(development))
            }
            Default::Computed { says, .. } => says.to_owned(),
        }
    }
}

fn shown(text: &str) -> &str {
    if text.is_empty() { "empty" } else { text }
}

/// Declares a group of settings: a struct of typed fields, the keys behind them, and its reading.
///
/// A field's doc comment is also what `.env.example` says about its key.
macro_rules! section {
    ($(#[$meta:meta])* pub struct $name:ident {
        $($(#[doc = $doc:literal])+ pub $field:ident: $type:ty = $key:expr,)+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl $name {
            pub(super) const KEYS: &[$crate::config::key::Key] = &[$(
                $key.described(
                    concat!($($doc),+),
                    <$type as $crate::config::setting::Setting>::IS_SECRET,
                ),
            )+];

            /// Reads every field, so that every problem is found, and answers when there was none.
            pub(super) fn read(reader: &mut $crate::config::reader::Reader) -> Option<Self> {
                let mut keys = Self::KEYS.iter();
                $(let $field = keys.next().and_then(|key| reader.read::<$type>(key));)+
                Some(Self { $($field: $field?),+ })
            }
        }
    };
}

pub(super) use section;
