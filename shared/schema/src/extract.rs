//! Identifiers and addresses from traits (contract `methods-password-code-2fa.md` 8.4).

use crate::normalize::{identifier_to_keep, normalize_address};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How an address is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// Electronic mail.
    Email,
    /// Text message.
    Sms,
}

/// An address for one-time codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeAddress {
    /// Channel.
    pub channel: Via,
    /// The address, normalised.
    pub address: String,
}

/// An address to verify, or to recover an account at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Channel.
    pub via: Via,
    /// The address, normalised.
    pub value: String,
}

/// The result of validating traits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extracted {
    /// The traits, phone numbers in E.164.
    pub traits: Value,
    /// Identifiers of the password credential.
    pub password: Vec<String>,
    /// Identifiers of the security key credential.
    pub webauthn: Vec<String>,
    /// Addresses of the code credential, sorted by address, then channel.
    pub code: Vec<CodeAddress>,
    /// The display name of a passkey.
    pub passkey_display_name: Option<String>,
    /// The account name of an authenticator app's entry.
    pub totp_account_name: Option<String>,
    /// Addresses that can be verified.
    pub verifiable: Vec<Address>,
    /// Addresses for recovery.
    pub recovery: Vec<Address>,
}

impl Extracted {
    /// Collects what one marked value yields. Returns the value to store, if it differs.
    ///
    /// # Errors
    /// Why the value is not an address.
    pub(crate) fn take(&mut self, mark: &Value, format: Option<&str>, value: &Value) -> Result<Option<Value>, String> {
        let text = match value {
            Value::String(text) if !text.is_empty() => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Ok(None),
        };
        let on = |path: &str| mark.pointer(path) == Some(&Value::Bool(true));
        let identifier = || identifier_to_keep(&text).map_err(|e| e.to_string());
        let mut phone = None;
        if on("/credentials/password/identifier") {
            push(&mut self.password, identifier()?);
        }
        if on("/credentials/webauthn/identifier") {
            push(&mut self.webauthn, identifier()?);
            self.passkey_display_name.get_or_insert_with(|| text.clone());
        }
        if on("/credentials/passkey/display_name") {
            self.passkey_display_name = Some(text.clone());
        }
        if on("/credentials/totp/account_name") {
            self.totp_account_name = Some(text.clone());
        }
        if on("/credentials/code/identifier") {
            let channel = via(mark.pointer("/credentials/code/via"))?;
            let address = match (channel, format) {
                (Via::Email, Some(format)) if format != "email" => identifier()?,
                _ => normalize_address(channel, &text).map_err(|e| e.to_string())?,
            };
            phone = phone.or((channel == Via::Sms).then(|| address.clone()));
            push(&mut self.code, CodeAddress { channel, address });
            self.sort();
        }
        if let Some(wanted) = mark.pointer("/verification/via") {
            let via = via(Some(wanted))?;
            let value = match (format, via) {
                (Some("email"), _) => normalize_address(Via::Email, &text).map_err(|e| e.to_string())?,
                (Some("tel"), _) => normalize_address(Via::Sms, &text).map_err(|e| e.to_string())?,
                (None, Via::Email) => normalize_address(Via::Email, &text).map_err(|e| e.to_string())?,
                (None, Via::Sms) => return Err(NO_FORMAT.to_owned()),
                (Some(_), _) => identifier().map(|_| text.trim().to_owned())?,
            };
            phone = phone.or((via == Via::Sms).then(|| value.clone()));
            push(&mut self.verifiable, Address { via, value });
        }
        if let Some(wanted) = mark.pointer("/recovery/via") {
            let via = via(Some(wanted))?;
            let value = match (via, format) {
                (Via::Email, Some(format)) if format != "email" => identifier()?,
                _ => normalize_address(via, &text).map_err(|e| e.to_string())?,
            };
            phone = phone.or((via == Via::Sms).then(|| value.clone()));
            push(&mut self.recovery, Address { via, value });
        }
        Ok(phone.filter(|phone| *phone != text).map(Value::String))
    }

    /// Adds what a part of the walk has collected.
    pub(crate) fn absorb(&mut self, part: Self) {
        let Self { traits: _, password, webauthn, code, passkey_display_name, totp_account_name, verifiable, recovery } =
            part;
        push_all(&mut self.password, password);
        push_all(&mut self.webauthn, webauthn);
        push_all(&mut self.code, code);
        push_all(&mut self.verifiable, verifiable);
        push_all(&mut self.recovery, recovery);
        self.passkey_display_name = passkey_display_name.or(self.passkey_display_name.take());
        self.totp_account_name = totp_account_name.or(self.totp_account_name.take());
        self.sort();
    }

    fn sort(&mut self) {
        self.code.sort_by(|a, b| (&a.address, a.channel).cmp(&(&b.address, b.channel)));
    }
}

const NO_FORMAT: &str = "no format specified. A format is required if verification is enabled. If this was intentional, \
                         please set \"format\" to \"no-validate\"";

fn push<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

fn push_all<T: PartialEq>(list: &mut Vec<T>, items: Vec<T>) {
    for item in items {
        push(list, item);
    }
}

fn via(value: Option<&Value>) -> Result<Via, String> {
    match value.and_then(Value::as_str) {
        Some("email") => Ok(Via::Email),
        Some("sms") => Ok(Via::Sms),
        other => Err(format!("channel type \"{}\" must be one of email, sms", other.unwrap_or(""))),
    }
}
