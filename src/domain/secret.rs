//! Text that must not be shown.

use std::fmt;

/// A secret value: a key, a password, a URL that holds one.
///
/// It has no `Display`, its `Debug` prints `[redacted]`, and it cannot be compared, because a
/// comparison of secrets has to take the same time whatever they hold.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The value itself, for the one place that uses it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_when_what_holds_it_is_printed() {
        let held = Some(Secret::new("hunter2"));

        assert_eq!(format!("{held:?}"), "Some([redacted])");
    }
}
