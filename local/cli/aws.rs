//! AWS credentials, and requests signed with them (Signature Version 4), as API Gateway demands on admin routes.
//!
//! There is no credential chain of our own. Credentials that are not in the environment come from `aws configure export-credentials`,
//! which knows profiles, single sign-on and assumed roles.

use crate::cli::Failure;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use latchkey_platform::Clock;
use serde::Deserialize;
use std::time::SystemTime;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use tokio::process::Command;
use tokio::sync::Mutex;
use url::Url;

/// The service name in the signature.
const SERVICE: &str = "execute-api";
/// Credentials that end sooner than this are fetched anew.
const EARLY: Duration = Duration::minutes(5);

/// Signs requests to one region.
pub struct Signer {
    region: String,
    profile: Option<String>,
    cached: Mutex<Option<Credentials>>,
}

/// The region in the name of an API Gateway host, such as `abc.execute-api.eu-central-1.amazonaws.com`.
pub fn region_of_host(host: &str) -> Option<&str> {
    let (_, rest) = host.split_once(".execute-api.")?;
    let (region, domain) = rest.split_once('.')?;
    matches!(domain, "amazonaws.com" | "amazonaws.com.cn").then_some(region)
}

impl Signer {
    /// A signer for a region, with the credentials of a profile or of the environment. None are read yet.
    pub fn new(region: String, profile: Option<String>) -> Self {
        Self { region, profile, cached: Mutex::default() }
    }

    /// The headers that a request needs besides its own.
    ///
    /// # Errors
    /// When there are no credentials.
    pub async fn sign(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Vec<(HeaderName, HeaderValue)>, Failure> {
        let credentials = self.credentials().await?;
        let scope = Scope { region: &self.region, service: SERVICE, at: Clock::system().now().into() };
        signature(&scope, credentials, method, url, headers, body)
    }

    async fn credentials(&self) -> Result<Credentials, Failure> {
        let mut cached = self.cached.lock().await;
        let soon = SystemTime::from(Clock::system().now() + EARLY);
        if let Some(good) = cached.as_ref().filter(|c| c.expiry().is_none_or(|end| end > soon)) {
            return Ok(good.clone());
        }
        // A profile on the command line has precedence over the environment.
        let fresh = match from_environment().filter(|_| self.profile.is_none()) {
            Some(found) => found,
            None => from_command_line_interface(self.profile.as_deref()).await?,
        };
        *cached = Some(fresh.clone());
        Ok(fresh)
    }
}

fn from_environment() -> Option<Credentials> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (key, secret) = (variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?);
    Some(Credentials::new(key, secret, variable("AWS_SESSION_TOKEN"), None, "environment"))
}

/// What `aws configure export-credentials --format process` writes.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Exported {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

async fn from_command_line_interface(profile: Option<&str>) -> Result<Credentials, Failure> {
    let mut command = Command::new("aws");
    command.args(["configure", "export-credentials", "--format", "process"]);
    command.args(profile.into_iter().flat_map(|profile| ["--profile", profile]));
    let how = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in with the AWS CLI (version 2.13 or newer), such as by `aws sso login`";
    let output = command.output().await.map_err(|e| {
        Failure::unreachable(format!("there are no AWS credentials to sign with: `aws` cannot be run: {e}\n  {how}"))
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = crate::cli::table::clean(said.trim());
        return Err(Failure::unreachable(format!("there are no AWS credentials to sign with: {said}\n  {how}")));
    }
    // The parser's own error could repeat a secret.
    let exported: Exported = serde_json::from_slice(&output.stdout).map_err(|_| {
        Failure::unreachable(format!(
            "`aws configure export-credentials` wrote something else than credentials\n  {how}"
        ))
    })?;
    let end = exported.expiration.and_then(|text| OffsetDateTime::parse(&text, &Rfc3339).ok()).map(SystemTime::from);
    Ok(Credentials::new(exported.access_key_id, exported.secret_access_key, exported.session_token, end, "aws"))
}

/// The credential scope of a signature.
struct Scope<'a> {
    region: &'a str,
    service: &'a str,
    at: SystemTime,
}

fn signature(
    scope: &Scope<'_>,
    credentials: Credentials,
    method: &Method,
    url: &Url,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Vec<(HeaderName, HeaderValue)>, Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::refused(format!("the request cannot be signed: {e}"));
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(scope.at)
        .settings(SigningSettings::default())
        .build()
        .map_err(|e| failed(&e))?
        .into();
    let signed = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let request = SignableRequest::new(method.as_str(), url.as_str(), signed, SignableBody::Bytes(body))
        .map_err(|e| failed(&e))?;
    let (instructions, _) = sign(request, &params).map_err(|e| failed(&e))?.into_parts();
    instructions
        .headers()
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| failed(&e))?;
            let mut value = HeaderValue::from_str(value).map_err(|e| failed(&e))?;
            value.set_sensitive(true);
            Ok((name, value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    /// The published test suite of Signature Version 4, `get-vanilla-with-session-token`.
    #[test]
    fn signs_as_the_published_example_does() {
        let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
        let credentials = Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            Some(token.to_owned()),
            None,
            "example",
        );
        let at = datetime!(2015-08-30 12:36:00 UTC).into();
        let scope = Scope { region: "us-east-1", service: "service", at };
        let url = Url::parse("https://example.amazonaws.com/").unwrap();
        let headers = signature(&scope, credentials, &Method::GET, &url, &HeaderMap::new(), b"").unwrap();
        let header = |name: &str| headers.iter().find(|(known, _)| known == name).unwrap().1.to_str().unwrap();
        assert_eq!(header("x-amz-date"), "20150830T123600Z");
        assert_eq!(header("x-amz-security-token"), token);
        assert_eq!(
            header("authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date;x-amz-security-token, \
             Signature=07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"
        );
    }

    #[test]
    fn the_region_is_in_the_host() {
        assert_eq!(region_of_host("a1.execute-api.eu-central-1.amazonaws.com"), Some("eu-central-1"));
        assert_eq!(region_of_host("a1.execute-api.cn-north-1.amazonaws.com.cn"), Some("cn-north-1"));
        for other in ["admin.example.org", "a1.execute-api.eu-central-1.amazonaws.com.example.org", "execute-api"] {
            assert_eq!(region_of_host(other), None, "{other}");
        }
    }
}
