//! How an account likes its portals (contract §5.3).

use std::collections::BTreeMap;

use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// Most bytes of a theme of one's own, written as JSON.
const LARGEST_THEME: usize = 4096;

/// What is set, the defaults where nothing was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"theme": "dark", "notifications": true, "locale": "es-AR",
    "focus_mode": false, "notify": {"email": true, "push": true}, "custom_theme": {}}))]
pub struct Settings {
    pub theme: Theme,
    pub notifications: bool,
    /// A language tag.
    pub locale: String,
    /// Holds what may wait until it is false again.
    pub focus_mode: bool,
    pub notify: Notify,
    pub custom_theme: BTreeMap<String, String>,
}

/// How the portals look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    Light,
    Dark,
    System,
    Custom,
}

/// By which ways notifications come besides the portals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notify {
    pub email: bool,
    pub push: bool,
}

/// Settings to change; absent ones stay.
#[derive(Debug, Clone, Default, Deserialize, Validate, ToSchema)]
#[schema(example = json!({"theme": "dark", "focus_mode": true}))]
pub struct SettingsPatch {
    #[garde(skip)]
    #[schema(inline)]
    theme: Option<Theme>,
    #[garde(skip)]
    notifications: Option<bool>,
    #[garde(inner(length(chars, min = 2, max = 10)))]
    #[schema(min_length = 2, max_length = 10)]
    locale: Option<String>,
    #[garde(skip)]
    focus_mode: Option<bool>,
    #[garde(skip)]
    notify: Option<NotifyPatch>,
    /// At most 4 KiB; replaces the whole theme.
    #[garde(inner(custom(small)))]
    custom_theme: Option<BTreeMap<String, String>>,
}

/// Ways to change; absent ones stay.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
pub struct NotifyPatch {
    email: Option<bool>,
    push: Option<bool>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            notifications: true,
            locale: "es".to_owned(),
            focus_mode: false,
            notify: Notify { email: true, push: true },
            custom_theme: BTreeMap::new(),
        }
    }
}

impl Theme {
    const ALL: [Self; 4] = [Self::Light, Self::Dark, Self::System, Self::Custom];

    pub fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
            Self::System => "system",
            Self::Custom => "custom",
        }
    }
}

/// The text names no theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a theme")]
pub struct NotATheme;

impl TryFrom<String> for Theme {
    type Error = NotATheme;

    fn try_from(name: String) -> Result<Self, NotATheme> {
        Self::ALL.into_iter().find(|theme| theme.name() == name).ok_or(NotATheme)
    }
}

impl Settings {
    /// These settings with the given ones in their place.
    #[must_use]
    pub fn with(self, patch: SettingsPatch) -> Self {
        let notify = patch.notify.unwrap_or_default();
        Self {
            theme: patch.theme.unwrap_or(self.theme),
            notifications: patch.notifications.unwrap_or(self.notifications),
            locale: patch.locale.unwrap_or(self.locale),
            focus_mode: patch.focus_mode.unwrap_or(self.focus_mode),
            notify: Notify {
                email: notify.email.unwrap_or(self.notify.email),
                push: notify.push.unwrap_or(self.notify.push),
            },
            custom_theme: patch.custom_theme.unwrap_or(self.custom_theme),
        }
    }

    /// What is other than before, as events spell it.
    pub fn changes_since(&self, before: &Self) -> Map<String, Value> {
        let is_other = [
            ("theme", json!(self.theme), self.theme != before.theme),
            (
                "notifications",
                json!(self.notifications),
                self.notifications != before.notifications,
            ),
            ("locale", json!(self.locale), self.locale != before.locale),
            ("focusMode", json!(self.focus_mode), self.focus_mode != before.focus_mode),
            ("notify", json!(self.notify), self.notify != before.notify),
            ("customTheme", json!(self.custom_theme), self.custom_theme != before.custom_theme),
        ];
        is_other
            .into_iter()
            .filter(|(_, _, is_other)| *is_other)
            .map(|(name, value, _)| (name.to_owned(), value))
            .collect()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature garde calls")]
fn small(theme: &BTreeMap<String, String>, (): &()) -> garde::Result {
    if json!(theme).to_string().len() <= LARGEST_THEME {
        return Ok(());
    }
    Err(garde::Error::new("length: at most 4 KiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(value: Value) -> SettingsPatch {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_patch_changes_what_it_names() {
        let before = Settings::default();

        let after = before
            .clone()
            .with(patch(json!({"focus_mode": true, "notify": {"push": false}, "theme": null})));

        assert_eq!(after.theme, Theme::System);
        assert_eq!(after.notify, Notify { email: true, push: false });
        let changes = Value::Object(after.changes_since(&before));
        assert_eq!(changes, json!({"focusMode": true, "notify": {"email": true, "push": false}}));
        assert!(after.changes_since(&after).is_empty());
    }

    #[test]
    fn a_theme_of_ones_own_is_small() {
        let theme = |length: usize| patch(json!({"custom_theme": {"a": "x".repeat(length)}}));

        assert!(theme(4000).validate().is_ok());
        assert!(theme(4096).validate().is_err());
        assert!(patch(json!({"locale": "x"})).validate().is_err());
    }
}
