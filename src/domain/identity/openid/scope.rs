//! What a client may learn of its user: `openid`, and with it `profile` and `email`.

use std::fmt;

/// The scopes a client was granted. First-party clients get what they ask for, as far as it exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Name and roles.
    pub profile: bool,
    /// The address and whether it was confirmed.
    pub email: bool,
}

impl Scope {
    pub const NAMES: [&str; 3] = ["openid", "profile", "email"];

    /// `None` without `openid`. Scopes that do not exist are passed over (OpenID Connect Core §3.1.2.1).
    pub fn parse(text: &str) -> Option<Self> {
        let asks = |name| text.split(' ').any(|scope| scope == name);
        asks("openid").then(|| Self { profile: asks("profile"), email: asks("email") })
    }

    /// What a refresh that asks for this text brings; a scope that was not granted is not in it.
    #[must_use]
    pub fn narrowed(self, text: &str) -> Self {
        let asks = |name| text.split(' ').any(|scope| scope == name);
        Self { profile: self.profile && asks("profile"), email: self.email && asks("email") }
    }

    /// Whether all of the text was granted; a refresh may ask for less, never for more (RFC 6749 §6).
    pub fn covers(self, text: &str) -> bool {
        text.split(' ').all(|scope| match scope {
            "profile" => self.profile,
            "email" => self.email,
            scope => scope == "openid",
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("openid")?;
        f.write_str(if self.profile { " profile" } else { "" })?;
        f.write_str(if self.email { " email" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_back_as_what_was_granted() {
        let granted = Scope::parse("email openid phone").unwrap();

        assert_eq!(granted.to_string(), "openid email");
        assert_eq!(Scope::parse(&granted.to_string()), Some(granted));
        assert_eq!(Scope::parse("profile email"), None);
        assert!(granted.covers("openid") && !granted.covers("openid profile"));
        assert_eq!(granted.narrowed("openid profile").to_string(), "openid");
    }
}
