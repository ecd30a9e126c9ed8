//! Every path and verb of both APIs, and how the anti-CSRF layer treats a path.
//!
//! The template routes requests. This table is for the functions behind `$default`, which answer unmatched requests, and for the
//! anti-CSRF layer. A test compares it with the template.

use http::Method;

/// The API that a request came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// The public API, for browsers and apps.
    Public,
    /// The admin API.
    Admin,
    /// The login pages, without CORS and the anti-CSRF layer.
    Pages,
}

/// The anti-CSRF layer's treatment of a path (contract `login-flow.md` 8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsrfLayer {
    /// Gives a browser its cookie, and demands a token for unsafe verbs.
    Guarded,
    /// Reads the cookie, never sets one.
    Ignored,
    /// Ignores the request.
    Outside,
}

/// A path with its verbs; `{}` stands for one segment. `None` means every verb.
pub struct Route {
    /// The path's pattern.
    pub path: &'static str,
    /// The verbs, in the order of the `Allow` header.
    pub methods: Option<&'static [&'static str]>,
}

const fn route(path: &'static str, methods: &'static [&'static str]) -> Route {
    Route { path, methods: Some(methods) }
}

/// The public API.
pub const PUBLIC: &[Route] = &[
    route("/self-service/login/browser", &["GET", "HEAD"]),
    route("/self-service/login/api", &["GET", "HEAD"]),
    route("/self-service/login/flows", &["GET", "HEAD"]),
    route("/self-service/login", &["GET", "HEAD", "POST"]),
    Route { path: "/sessions/whoami", methods: None },
    route("/sessions/token-exchange", &["GET", "HEAD"]),
    route("/sessions/{}", &["DELETE"]),
    route("/sessions", &["DELETE", "GET", "HEAD"]),
    route("/self-service/logout/browser", &["GET", "HEAD"]),
    route("/self-service/logout/api", &["DELETE"]),
    route("/self-service/logout", &["GET", "HEAD"]),
    route("/self-service/errors", &["GET", "HEAD"]),
    route("/schemas", &["GET", "HEAD"]),
    route("/schemas/{}", &["GET", "HEAD"]),
    route("/health/alive", &["GET", "HEAD"]),
    route("/health/ready", &["GET", "HEAD"]),
];

/// The login pages, which are served beside the public API.
pub const PAGES: &[Route] = &[
    route("/login", &["GET", "HEAD"]),
    route("/error", &["GET", "HEAD"]),
    route("/session", &["GET", "HEAD"]),
    route("/session/others", &["POST"]),
    route("/assets/{}", &["GET", "HEAD"]),
];

/// The admin API, below `/admin`; the same paths without the prefix are served too.
pub const ADMIN: &[Route] = &[
    route("/admin/identities", &["GET", "HEAD", "PATCH", "POST"]),
    route("/admin/identities/{}", &["DELETE", "GET", "HEAD", "PATCH", "PUT"]),
    route("/admin/identities/by/external/{}", &["GET", "HEAD"]),
    route("/admin/identities/{}/credentials/{}", &["DELETE"]),
    route("/admin/identities/{}/sessions", &["DELETE", "GET", "HEAD"]),
    route("/admin/sessions", &["GET", "HEAD"]),
    route("/admin/sessions/{}", &["DELETE", "GET", "HEAD"]),
    route("/admin/sessions/{}/extend", &["PATCH"]),
    route("/admin/courier/messages", &["GET", "HEAD"]),
    route("/admin/courier/messages/{}", &["GET", "HEAD"]),
    route("/admin/courier/suppressed", &["GET", "HEAD"]),
    route("/admin/courier/suppressed/{}", &["DELETE", "GET", "HEAD"]),
    route("/admin/health/alive", &["GET", "HEAD"]),
    route("/admin/health/ready", &["GET", "HEAD"]),
    route("/admin/health/config", &["GET", "HEAD"]),
    route("/admin/version", &["GET", "HEAD"]),
];

/// The route of a path.
pub fn find(routes: &'static [Route], path: &str) -> Option<&'static Route> {
    routes.iter().find(|route| matches(route.path, path))
}

fn matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    pattern.split('/').all(|want| segments.next().is_some_and(|got| want == got || (want == "{}" && !got.is_empty())))
        && segments.next().is_none()
}

/// The clean form of a path: one slash between segments, no `.` and no `..`; a trailing slash stays. `None` for a clean path. The result
/// never begins with two slashes, so no browser reads a host in it.
pub fn cleaned(path: &str) -> Option<String> {
    if !path.starts_with('/') {
        return None;
    }
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    let end = if path.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    let clean = format!("/{}{end}", segments.join("/"));
    (clean != path).then_some(clean)
}

/// First segments of paths on which the layer reads and never sets a cookie: sessions have their own, the others are not for browsers.
/// `/sample` is not part of the API and stands for routes of applications.
const IGNORED_ROOTS: [&str; 8] = [
    "/sessions/",
    "/schemas/",
    "/identities",
    "/admin/identities",
    "/courier/",
    "/admin/courier/",
    "/recovery/",
    "/admin/recovery/",
];

/// The anti-CSRF layer's treatment of a public path.
pub fn csrf_layer(path: &str) -> CsrfLayer {
    match path {
        "/health/alive" | "/health/ready" | "/version" => CsrfLayer::Outside,
        "/self-service/login" | "/self-service/login/api" | "/self-service/logout/api" | "/sessions" | "/sample" => {
            CsrfLayer::Ignored
        }
        _ if IGNORED_ROOTS.iter().any(|root| path.starts_with(root)) => CsrfLayer::Ignored,
        _ => CsrfLayer::Guarded,
    }
}

/// A verb that may change something.
pub fn is_unsafe(method: &Method) -> bool {
    !matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned() {
        for (path, clean) in [
            ("//sessions/whoami", "/sessions/whoami"),
            ("/sessions//whoami", "/sessions/whoami"),
            ("/./sessions/whoami", "/sessions/whoami"),
            ("/a/../sessions/whoami", "/sessions/whoami"),
            ("/../..//a/.", "/a"),
            ("/a//", "/a/"),
            ("//", "/"),
            ("/..", "/"),
            ("//evil.example/..//x", "/x"),
        ] {
            assert_eq!(cleaned(path).as_deref(), Some(clean), "{path}");
            assert_eq!(cleaned(clean), None, "{clean}");
        }
        for clean in ["/", "/a", "/a/", "/a/...", "/.a", "/a..", "*", ""] {
            assert_eq!(cleaned(clean), None, "{clean}");
        }
    }

    #[test]
    fn placeholder_matches_one_segment() {
        assert!(find(PUBLIC, "/sessions/abc").is_some_and(|r| r.path == "/sessions/{}"));
        assert!(find(PUBLIC, "/sessions/whoami").is_some_and(|r| r.methods.is_none()));
        for nothing in ["/sessions/", "/sessions/a/b", "/self-service/login/", "/self-service/Login", "", "/"] {
            assert!(find(PUBLIC, nothing).is_none(), "{nothing}");
        }
        assert!(find(ADMIN, "/admin/identities/by/external/x").is_some_and(|r| r.path.contains("external")));
    }
}
