//! The browser and the system that a client's `User-Agent` names, in words.

/// Signs of browsers. A browser also names the browsers that it is compatible with, so the order matters.
const BROWSERS: [(&str, &str); 7] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
];
/// Signs of systems.
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// The browser that a user agent names, if it is a well-known one.
pub fn browser(user_agent: &str) -> Option<&'static str> {
    first(&BROWSERS, user_agent)
}

/// The system that a user agent names, if it is a well-known one.
pub fn system(user_agent: &str) -> Option<&'static str> {
    first(&SYSTEMS, user_agent)
}

fn first(signs: &[(&str, &'static str)], user_agent: &str) -> Option<&'static str> {
    signs.iter().find(|(sign, _)| user_agent.contains(sign)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imitated_browsers_are_told_apart() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0";
        let safari =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1";
        assert_eq!((browser(edge), system(edge)), (Some("Edge"), Some("Windows")));
        assert_eq!((browser(safari), system(safari)), (Some("Safari"), Some("iPhone")));
        assert_eq!((browser("curl/8.5"), system("curl/8.5")), (None, None));
    }
}
