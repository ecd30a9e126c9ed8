//! Small files that tests add something to.

use latchkey_config::{Config, Loaded, read};

/// A small file with everything that is required.
pub(crate) const SMALL: &str = r#"
serve: {public: {base_url: "https://login.example.org"}, admin: {base_url: "https://admin.example.org/"}}
selfservice:
  default_browser_return_url: https://app.example.org/
  flows: {login: {ui_url: "https://app.example.org/login"}}
identity: {schemas: [{id: default, url: "base64://eyJ0eXBlIjoib2JqZWN0In0="}]}
"#;

pub(crate) fn with(more: &str, dev: bool) -> Result<Loaded, String> {
    // Later keys of the same name would be an error, so the addition is merged at the top level only.
    read(&format!("{SMALL}{more}"), None, &[], dev).map_err(|e| e.to_string())
}

pub(crate) fn config(more: &str) -> Config {
    with(more, false).unwrap_or_else(|e| panic!("{more}: {e}")).config
}

/// The small file with more keys of `serve`.
pub(crate) fn serving(more: &str, dev: bool) -> Result<Loaded, String> {
    read(&SMALL.replacen("serve: {", &format!("serve: {{{more}, "), 1), None, &[], dev).map_err(|e| e.to_string())
}

/// The small file with environment overrides.
pub(crate) fn over(env: &[(&str, &str)]) -> Result<Loaded, String> {
    let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    read(SMALL, None, &env, false).map_err(|e| e.to_string())
}

/// The login part of a file, whole, with something laid into it.
pub(crate) fn login(inside: &str, methods: &str) -> Result<Loaded, String> {
    let text = format!(
        "serve: {{public: {{base_url: 'https://login.example.org'}}}}\n\
         selfservice:\n  default_browser_return_url: https://app.example.org/\n  methods: {{{methods}}}\n  flows: {{login: {{ui_url: /login, {inside}}}}}\n\
         identity: {{schemas: [{{id: default, url: 'base64://e30='}}]}}"
    );
    read(&text, None, &[], true).map_err(|e| e.to_string())
}
