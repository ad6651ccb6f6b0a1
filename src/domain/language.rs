//! The languages the hub speaks to people in.

/// A language there are texts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    Spanish,
    English,
}

impl Language {
    /// The language of a locale such as `es-AR` or `en_GB`; Spanish where there are no texts in it.
    pub fn of_locale(locale: &str) -> Self {
        let language = locale.split(['-', '_']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("en") { Self::English } else { Self::Spanish }
    }

    /// The better liked of the two in an `Accept-Language` header (RFC 9110 §12.5.4), the earlier
    /// among equals.
    pub fn preferred(accepted: &str) -> Self {
        let mut best = (Self::Spanish, 0.0);
        for item in accepted.split(',') {
            let mut parts = item.split(';').map(str::trim);
            let range = parts.next().unwrap_or_default().to_ascii_lowercase();
            let language = match range.split('-').next() {
                Some("es") => Self::Spanish,
                Some("en") => Self::English,
                _ => continue,
            };
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
            let weight = weight.unwrap_or(1.0_f32);
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }

    /// The tag of BCP 47.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Spanish => "es",
            Self::English => "en",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_is_read_by_its_language() {
        for locale in ["en", "en-US", "EN_gb"] {
            assert_eq!(Language::of_locale(locale), Language::English, "{locale}");
        }
        for locale in ["es", "es-AR", "pt-BR", "", "eng"] {
            assert_eq!(Language::of_locale(locale), Language::Spanish, "{locale}");
        }
    }

    #[test]
    fn the_better_liked_language_is_spoken() {
        for (accepted, language) in [
            ("", Language::Spanish),
            ("en", Language::English),
            ("en-GB,es;q=0.9", Language::English),
            ("de, en;q=0.3, es-AR;q=0.7", Language::Spanish),
            ("en;q=0", Language::Spanish),
            ("es, en", Language::Spanish),
            ("fr", Language::Spanish),
        ] {
            assert_eq!(Language::preferred(accepted), language, "{accepted}");
        }
    }
}
