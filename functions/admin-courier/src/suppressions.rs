//! The suppression list: addresses that no mail goes to, because it came back or was called unwanted.
//!
//! SES keeps a list of its own for the whole account and answers with a bounce to what is on it, so an address that is taken off ours
//! alone would be back on it with the next message. Where mail leaves by SES, both are asked.

use crate::{App, LARGEST, size};
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::ProvideErrorMetadata as _;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use lambda_http::http::header;
use latchkey_core::error::ApiError;
use latchkey_core::token::digest;
use latchkey_core::wire::timestamp;
use latchkey_platform::{Environment, StartError, aws_client, log};
use latchkey_store::suppression::Entry;
use latchkey_web::audit::{Action, changes};
use latchkey_web::call::encode_query;
use latchkey_web::{Call, Fault, Reply};
use serde_json::{Value, json};
use std::time::Duration;

/// The region whose list SES is asked to shorten; not set where mail does not leave by SES.
const REGION: &str = "LATCHKEY_SES_REGION";

/// SES' own list.
pub(crate) struct Ses(Client);

impl Ses {
    /// Nothing where mail does not leave by SES.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub(crate) fn open(env: &Environment) -> Result<Option<Self>, StartError> {
        let Some(region) = env.get(REGION) else { return Ok(None) };
        let (each, all) = (Duration::from_secs(3), Duration::from_secs(8));
        let client =
            aws_client!(aws_sdk_sesv2, env, "AWS_ENDPOINT_URL_SESV2", Some(region), tries: 3, each: each, all: all)?;
        Ok(Some(Self(client)))
    }

    /// Takes an address off; whether it was on.
    async fn remove(&self, address: &str) -> Result<bool, Fault> {
        match self.0.delete_suppressed_destination().email_address(address).send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.code() {
                Some("NotFoundException" | "BadRequestException") => Ok(false),
                code => {
                    log::note(format!("SES answered {}", code.unwrap_or("nothing")));
                    let reason = "The suppression list of SES cannot be changed at the moment. Nothing was changed.";
                    Err(ApiError::new(503).because(reason).into())
                }
            },
        }
    }
}

pub(crate) async fn list(app: &App, call: &Call<'_>) -> Result<Reply, Fault> {
    let size = size(call)?.min(LARGEST);
    let after = match call.query_filled("page_token") {
        None => String::new(),
        Some(token) => place(token)
            .ok_or_else(|| ApiError::bad_request("The page token is invalid, do not craft your own page tokens"))?,
    };
    let (entries, next) = app.suppressions.list(&after, size, call.now).await?;
    let link = |after: &str, rel: &str| {
        let token = URL_SAFE_NO_PAD.encode(after);
        format!("</admin/courier/suppressed?page_size={size}&page_token={}>; rel=\"{rel}\"", encode_query(&token))
    };
    let mut links = vec![link("", "first")];
    links.extend(next.map(|next| link(&next, "next")));
    let items = entries.iter().map(|(address, entry)| shown(address, entry)).collect();
    Ok(Reply::json(200, &Value::Array(items), "listed").header(header::LINK, &links.join(",")))
}

/// A token holds the address that a page ends with.
fn place(token: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    (text.len() <= 320 && !text.chars().any(char::is_control)).then_some(text)
}

pub(crate) async fn show(app: &App, call: &Call<'_>, address: &str) -> Result<Reply, Fault> {
    let entry = app.suppressions.get(address, call.now).await?.ok_or_else(ApiError::not_located)?;
    Ok(Reply::json(200, &shown(&address.trim().to_lowercase(), &entry), "shown"))
}

/// SES first: if that fails nothing has changed, and the same request can be made again.
pub(crate) async fn remove(app: &App, call: &Call<'_>, address: &str) -> Result<Reply, Fault> {
    // Whose address it was is in no log; who asks about one can tell whether this was it.
    changes(Action::RemoveSuppression, &[("address_digest", &digest(&address.trim().to_lowercase()))]);
    let by_ses = match &app.ses {
        Some(ses) => ses.remove(address).await?,
        None => false,
    };
    let ours = app.suppressions.remove(address, call.now).await?;
    if ours.is_none() && !by_ses {
        return Err(ApiError::not_located().into());
    }
    Ok(Reply::new(204, "removed"))
}

fn shown(address: &str, entry: &Entry) -> Value {
    json!({
        "address": address,
        "reason": entry.reason.as_str(),
        "at": timestamp(entry.at),
        "until": timestamp(entry.ends_at()),
    })
}
