//! The report on a configuration file before it is deployed: all findings at once, worst first.
//!
//! `latchkey config check` prints a [`Report`]; a stack that starts prints the parts of it that matter on a developer's machine.

use crate::locate::with_lines;
use latchkey_config::{Config, Notices};
use serde_json::Value;
use std::path::Path;
use url::{Host, Url};

/// What there is to say about a file that is to be deployed.
#[derive(Debug, Default)]
pub struct Report {
    /// What keeps it from being deployed, each with its line.
    pub errors: Vec<String>,
    /// What has to be set before users can sign in.
    pub missing: Vec<String>,
    /// The rest.
    pub notices: Notices,
}

/// Looks at a file as a deployment does.
///
/// # Errors
/// When the file cannot be read.
pub fn report(file: &Path) -> Result<Report, String> {
    let shown = file.display().to_string();
    let text = latchkey_config::text_of(file).map_err(|e| format!("{shown}: {e}"))?;
    let mut errors = Vec::new();
    let whole = latchkey_courier::fetch::inlined(&text, true).unwrap_or_else(|e| {
        errors.push(e);
        text.clone()
    });
    let found = latchkey_config::inspect_deployment(&whole, folder(file), &deployed_addresses());
    let mut report = Report { notices: found.notices, ..Report::default() };
    errors.extend(found.loaded.err().map(|more| more.0).unwrap_or_default());
    if let Some(config) = found.config {
        errors.extend(schemas(&config));
        errors.extend(latchkey_courier::check(&config.courier).err().map(|e| e.to_string()));
        let SignIn { ways, warnings } = SignIn::of(&config);
        report.notices.warnings.extend(warnings);
        if ways.is_empty() {
            errors.push(no_sign_in(&config));
        }
        report.missing = missing(&config, &ways);
    }
    report.errors = errors.iter().map(|error| with_lines(&shown, &text, std::slice::from_ref(error))).collect();
    Ok(report)
}

/// The folder of a file; a bare name is in the working folder.
pub fn folder(file: &Path) -> Option<&Path> {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).or(Some(Path::new(".")))
}

/// A deployment knows its own addresses; here they only stand for "there will be one".
pub fn deployed_addresses() -> Vec<(String, String)> {
    [("LATCHKEY_PUBLIC_URL", "https://public.example/"), ("LATCHKEY_ADMIN_URL", "https://admin.example/")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

/// An error for each identity schema that cannot be used.
pub fn schemas(config: &Config) -> Vec<String> {
    let schemas = config.identity.schemas.iter().enumerate();
    let errors = schemas.filter_map(|(index, schema)| {
        let wrong = latchkey_schema::IdentitySchema::parse(&schema.id, schema.document.clone()).err()?;
        Some(format!("identity.schemas[{index}].url: the schema {:?}: {wrong}", schema.id))
    });
    errors.collect()
}

/// A way to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By password.
    Password,
    /// By a code that is sent by e-mail.
    CodeByEmail,
    /// By a code that is sent by text message.
    CodeBySms,
}

/// The ways by which users can sign in under a configuration.
#[derive(Debug)]
pub struct SignIn {
    /// The ways.
    pub ways: Vec<Way>,
    /// What is on and leads nowhere.
    pub warnings: Vec<String>,
}

impl SignIn {
    /// Compares the methods that are on with the identifiers of the schemas.
    pub fn of(config: &Config) -> Self {
        let (mut ways, mut warnings) = (Vec::new(), Vec::new());
        let code = &config.selfservice.methods.code;
        for schema in &config.identity.schemas {
            let mut marks = Vec::new();
            collect(&schema.document, &mut marks);
            let mut found = Vec::new();
            if config.selfservice.methods.password.enabled && marks.iter().any(|mark| is_identifier(mark, "password")) {
                found.push(Way::Password);
            }
            let by = |via: &str| {
                let of_code =
                    |mark: &&Value| is_identifier(mark, "code") && via_of(&mark["credentials"]["code"]) == via;
                let verified = |mark: &&Value| mark["verification"].is_object() && via_of(&mark["verification"]) == via;
                marks.iter().any(of_code) || (code.missing_credential_fallback && marks.iter().any(verified))
            };
            if code.first_factor {
                found.extend(by("email").then_some(Way::CodeByEmail));
                found.extend(by("sms").then_some(Way::CodeBySms));
            }
            if found.is_empty() {
                warnings.push(format!(
                    "identity.schemas: no identity with the schema {:?} can sign in: none of its traits is an identifier of a method that is \
                     on; mark one by \"ory.sh/kratos\": {{\"credentials\": {{\"password\": {{\"identifier\": true}}}}}}",
                    schema.id
                ));
            }
            ways.extend(found);
        }
        ways.dedup();
        Self { ways, warnings }
    }
}

/// The extensions of a schema.
fn collect<'s>(schema: &'s Value, marks: &mut Vec<&'s Value>) {
    match schema {
        Value::Object(map) => {
            for (name, value) in map {
                if name == "ory.sh/kratos" { marks.push(value) } else { collect(value, marks) }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, marks)),
        _ => {}
    }
}

fn is_identifier(mark: &Value, method: &str) -> bool {
    mark["credentials"][method]["identifier"] == true
}

fn via_of(value: &Value) -> &str {
    value["via"].as_str().unwrap_or("email")
}

/// Why no identity can sign in.
pub fn no_sign_in(config: &Config) -> String {
    let (password, code) = (config.selfservice.methods.password.enabled, config.selfservice.methods.code.first_factor);
    if password || code {
        return "identity.schemas: no identity can sign in: no schema has an identifier of a method that is on"
            .to_owned();
    }
    "selfservice.methods: no identity can sign in: password.enabled is false and code.passwordless_enabled is not true, and other methods are \
     not built yet"
        .to_owned()
}

/// What a deployment needs, and which parameter of the template sets it where the file does not.
fn missing(config: &Config, ways: &[Way]) -> Vec<String> {
    let mut missing = Vec::new();
    let courier = &config.courier;
    if ways.contains(&Way::CodeByEmail) && courier.email.is_none() && courier.from_address.is_none() {
        missing.push(
            "courier.smtp.from_address: codes by e-mail have no sender: set it, or deploy with the parameter MailFrom"
                .to_owned(),
        );
    }
    let selfservice = &config.selfservice;
    for (key, url, parameter) in [
        ("selfservice.flows.login.ui_url", &selfservice.flows.login.ui_url, "LoginUiUrl"),
        ("selfservice.flows.error.ui_url", &selfservice.flows.error_ui_url, "ErrorUiUrl"),
        ("selfservice.default_browser_return_url", &selfservice.default_browser_return_url, "DefaultReturnUrl"),
    ] {
        if is_of_this_machine(url) {
            missing.push(format!(
                "{key}: {url} is an address of your own machine: name the deployed page, leave the key out to use the pages that come \
                 along, or deploy with the parameter {parameter}"
            ));
        }
    }
    for (key, domain) in
        [("cookies.domain", &config.cookies.csrf.domain), ("session.cookie.domain", &config.cookies.session.domain)]
    {
        if domain.as_deref().is_some_and(|domain| is_of_this_machine(&format!("http://{domain}/"))) {
            missing.push(format!("{key}: browsers keep no cookie of another domain: name that of the deployed API"));
        }
    }
    missing
}

fn is_of_this_machine(url: &str) -> bool {
    match Url::parse(url).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_unspecified(),
        Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unspecified(),
        None => false,
    }
}

impl Report {
    /// The whole report but its last line.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut part = |title: &str, lines: &[String]| {
            if !lines.is_empty() {
                let lines: String = lines.iter().map(|line| format!("  {}\n", line.replace('\n', "\n  "))).collect();
                text += &format!("{title}\n{lines}\n");
            }
        };
        part("Errors", &self.errors);
        part("To be set before a deployment", &self.missing);
        part("Warnings", &self.notices.warnings);
        part("Not built yet", &self.notices.not_built());
        part("No effect here", &self.notices.no_effect());
        part("Weaker than `preset: strict`", &self.notices.weaker);
        text
    }

    /// The last line: whether the file can be deployed.
    ///
    /// # Errors
    /// That it cannot.
    pub fn verdict(&self, file: &Path) -> Result<String, String> {
        let file = file.display();
        let many = |count: usize, what: &str| if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") };
        match (self.errors.len(), self.missing.len()) {
            (0, 0) => Ok(format!("{file} can be deployed.")),
            (0, missing) => Err(format!(
                "{file} cannot be deployed as it is: {} must be set first, here or by a parameter.",
                many(missing, "value")
            )),
            (errors, _) => Err(format!("{file} cannot be deployed: {}.", many(errors, "error"))),
        }
    }
}
