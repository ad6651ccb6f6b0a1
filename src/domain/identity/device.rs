//! What a `User-Agent` tells of a device, for people who look through their sessions.

/// A platform and a browser, of closed sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    pub platform: &'static str,
    pub browser: &'static str,
}

/// The first mark found names the platform: an iPad also says "Mac OS X", an Android also "Linux".
const PLATFORMS: [(&str, &str); 8] = [
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
];

/// Browsers built on others name those too, so the special come before the general.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];

impl Device {
    pub fn parse(user_agent: &str) -> Self {
        let find = |marks: &[(&str, &'static str)]| {
            marks
                .iter()
                .find(|(mark, _)| user_agent.contains(mark))
                .map_or("other", |(_, name)| name)
        };
        Self { platform: find(&PLATFORMS), browser: find(&BROWSERS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_known_by_its_most_special_mark() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
            Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0";
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 \
            (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";

        assert_eq!(Device::parse(edge), Device { platform: "Windows", browser: "Edge" });
        assert_eq!(Device::parse(phone), Device { platform: "iOS", browser: "Safari" });
        assert_eq!(Device::parse(""), Device { platform: "other", browser: "other" });
    }
}
