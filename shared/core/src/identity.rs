//! A person: traits, addresses, state, and what is known of their credentials without the secrets.

use crate::aal::Aal;
use crate::flow::CodeAddress;
use crate::wire::timestamp;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// Whether a person may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// May sign in.
    Active,
    /// May not; existing sessions are dead too.
    Inactive,
}

impl State {
    /// `active` or `inactive`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
        }
    }

    /// Reads a state; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "active" => Some(Self::Active),
            "inactive" => Some(Self::Inactive),
            _ => None,
        }
    }
}

/// How an address is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// Electronic mail.
    Email,
    /// Text message.
    Sms,
}

impl Via {
    /// `email` or `sms`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }

    /// The channel of an address of a code credential, which holds e-mail addresses and telephone numbers alone.
    pub fn of(address: &str) -> Self {
        if address.contains('@') { Self::Email } else { Self::Sms }
    }
}

/// How far the verification of an address has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressStatus {
    /// Nothing was sent yet.
    Pending,
    /// A message is on its way.
    Sent,
    /// Done.
    Completed,
}

/// An address that can be verified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerifiableAddress {
    /// Stable id.
    pub id: Uuid,
    /// The address, normalised.
    pub value: String,
    /// Whether the person has proven it.
    pub verified: bool,
    /// Channel.
    pub via: Via,
    /// Progress.
    pub status: AddressStatus,
    /// When it was proven.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<OffsetDateTime>,
    /// When the address appeared.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When anything of it changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// An address at which an account can be recovered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecoveryAddress {
    /// Stable id.
    pub id: Uuid,
    /// The address, normalised.
    pub value: String,
    /// Channel.
    pub via: Via,
    /// When the address appeared.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When anything of it changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// Types of credentials that a person may hold in this release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialType {
    /// One-time codes to an address.
    Code,
    /// A password.
    Password,
    /// Security keys.
    Webauthn,
}

impl CredentialType {
    /// Every type.
    pub const ALL: [Self; 3] = [Self::Code, Self::Password, Self::Webauthn];

    /// The wire name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Password => "password",
            Self::Webauthn => "webauthn",
        }
    }
}

/// Names of credential types that a query or path may contain, those of later releases among them.
pub const CREDENTIAL_TYPE_NAMES: [&str; 11] = [
    "password",
    "oidc",
    "saml",
    "totp",
    "lookup_secret",
    "webauthn",
    "code",
    "link_recovery",
    "code_recovery",
    "deviceauthn",
    "passkey",
];

/// What the admin API shows of a credential; the secret part lives in a table of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CredentialSummary {
    /// Normalised identifiers, sorted as text.
    pub identifiers: Vec<String>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    /// Whether it can be used to sign in today (a password credential may exist without a password).
    #[serde(default)]
    pub usable: bool,
}

/// A person as stored: the public part, the administrators' part, and what decisions need beside them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The id.
    pub id: Uuid,
    /// A unique id of the deployment's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Which identity schema the traits follow.
    pub schema_id: String,
    /// Whether the person may sign in.
    pub state: State,
    /// When the state last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub state_changed_at: OffsetDateTime,
    /// What the schema describes.
    pub traits: Value,
    /// Addresses that can be verified.
    #[serde(default)]
    pub verifiable_addresses: Vec<VerifiableAddress>,
    /// Addresses for recovery.
    #[serde(default)]
    pub recovery_addresses: Vec<RecoveryAddress>,
    /// Shown to the person.
    #[serde(default)]
    pub metadata_public: Value,
    /// Shown to administrators alone.
    #[serde(default)]
    pub metadata_admin: Value,
    /// When the person was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When anything changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    /// The organization, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<Uuid>,
    /// The region, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The credentials by type, without secrets.
    #[serde(default)]
    pub credentials: BTreeMap<CredentialType, CredentialSummary>,
    /// The highest level this person can reach; kept with every change of a credential.
    #[serde(default)]
    pub available_aal: Aal,
}

impl Identity {
    /// The identifier that a refresh form fills in: the first of the password credential, if there is a password at all.
    pub fn refresh_identifier(&self) -> Option<&str> {
        let credential = self.credentials.get(&CredentialType::Password)?;
        credential.usable.then(|| credential.identifiers.first().map(String::as_str)).flatten()
    }

    /// Addresses that a code may be sent to: those of the code credential, else, with `fallback`, every verifiable one.
    pub fn code_addresses(&self, fallback: bool) -> Vec<CodeAddress> {
        let own = self.credentials.get(&CredentialType::Code).map_or(&[][..], |c| c.identifiers.as_slice());
        if own.is_empty() && fallback {
            let verifiable = self.verifiable_addresses.iter();
            return verifiable.map(|a| CodeAddress { via: a.via, value: a.value.clone() }).collect();
        }
        own.iter().map(|value| CodeAddress { via: Via::of(value), value: value.clone() }).collect()
    }

    /// Whether codes to this address are for this person, as they are now.
    pub fn receives_codes_at(&self, address: &str, fallback: bool) -> bool {
        self.code_addresses(false).iter().any(|own| own.value == address)
            || fallback && self.verifiable_addresses.iter().any(|own| own.value == address)
    }

    /// The person after a code to this address was right: the address is theirs. `None` when that was known.
    pub fn with_verified(&self, address: &str, now: OffsetDateTime) -> Option<Self> {
        let unproven = |a: &VerifiableAddress| a.value == address && !a.verified;
        if !self.verifiable_addresses.iter().any(unproven) {
            return None;
        }
        let mut next = self.clone();
        for found in next.verifiable_addresses.iter_mut().filter(|a| unproven(a)) {
            found.verified = true;
            found.verified_at = Some(now);
            found.status = AddressStatus::Completed;
            found.updated_at = now;
        }
        Some(next)
    }

    /// What the person and everybody who checks their session may see (contract `login-flow.md` 7.2).
    pub fn public(&self, base_url: &str) -> Value {
        self.render(base_url, false, None)
    }

    /// As [`public`](Self::public), without addresses: the form inside lists of sessions.
    pub fn public_without_addresses(&self, base_url: &str) -> Value {
        without_addresses(self.public(base_url))
    }

    /// What administrators see. `credentials` is left out when `None`.
    pub fn admin(&self, base_url: &str, credentials: Option<Value>) -> Value {
        self.render(base_url, true, credentials)
    }

    fn render(&self, base_url: &str, admin: bool, credentials: Option<Value>) -> Value {
        let mut out = Map::new();
        out.insert("id".into(), json!(self.id));
        if let Some(id) = &self.external_id {
            out.insert("external_id".into(), json!(id));
        }
        if let Some(credentials) = credentials {
            out.insert("credentials".into(), credentials);
        }
        out.insert("schema_id".into(), json!(self.schema_id));
        out.insert("schema_url".into(), json!(schema_url(base_url, &self.schema_id)));
        out.insert("state".into(), json!(self.state));
        out.insert("state_changed_at".into(), timestamp(self.state_changed_at));
        out.insert("traits".into(), self.traits.clone());
        if !self.verifiable_addresses.is_empty() {
            out.insert("verifiable_addresses".into(), json!(self.verifiable_addresses));
        }
        if !self.recovery_addresses.is_empty() {
            out.insert("recovery_addresses".into(), json!(self.recovery_addresses));
        }
        out.insert("metadata_public".into(), self.metadata_public.clone());
        if admin {
            out.insert("metadata_admin".into(), self.metadata_admin.clone());
        }
        out.insert("created_at".into(), timestamp(self.created_at));
        out.insert("updated_at".into(), timestamp(self.updated_at));
        out.insert("organization_id".into(), json!(self.organization_id));
        if let Some(region) = &self.region {
            out.insert("region".into(), json!(region));
        }
        Value::Object(out)
    }
}

/// An identity's JSON without its addresses.
pub fn without_addresses(mut identity: Value) -> Value {
    if let Some(map) = identity.as_object_mut() {
        map.remove("verifiable_addresses");
        map.remove("recovery_addresses");
    }
    identity
}

/// Where a schema can be fetched: its id is base64url without padding.
pub fn schema_url(base_url: &str, schema_id: &str) -> String {
    crate::url::join(base_url, &format!("/schemas/{}", URL_SAFE_NO_PAD.encode(schema_id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn person() -> Identity {
        Identity {
            id: Uuid::from_u128(7),
            external_id: None,
            schema_id: "default".into(),
            state: State::Active,
            state_changed_at: datetime!(2026-07-01 8:00 UTC),
            traits: json!({"email": "ada@example.org"}),
            verifiable_addresses: vec![],
            recovery_addresses: vec![],
            metadata_public: Value::Null,
            metadata_admin: json!({"secret": 1}),
            created_at: datetime!(2026-07-01 8:00:00.5 UTC),
            updated_at: datetime!(2026-07-01 8:00 UTC),
            organization_id: None,
            region: None,
            credentials: BTreeMap::new(),
            available_aal: Aal::Aal1,
        }
    }

    #[test]
    fn the_public_form_hides_what_is_for_administrators() {
        let shown = person().public("https://auth.example/");
        assert_eq!(shown.get("metadata_admin"), None);
        assert_eq!(shown.get("credentials"), None);
        assert_eq!(shown.get("available_aal"), None);
        assert_eq!(shown["metadata_public"], Value::Null);
        assert_eq!(shown["organization_id"], Value::Null);
        assert_eq!(shown["schema_url"], "https://auth.example/schemas/ZGVmYXVsdA");
        assert_eq!(shown["created_at"], "2026-07-01T08:00:00.5Z");
        assert_eq!(shown.get("verifiable_addresses"), None, "absent when empty");
    }

    #[test]
    fn a_password_credential_without_password_fills_no_form() {
        let mut p = person();
        let mut summary = CredentialSummary {
            identifiers: vec!["+4917667111638".into(), "ada@example.org".into()],
            created_at: p.created_at,
            updated_at: p.created_at,
            usable: false,
        };
        p.credentials.insert(CredentialType::Password, summary.clone());
        assert_eq!(p.refresh_identifier(), None);
        summary.usable = true;
        p.credentials.insert(CredentialType::Password, summary);
        assert_eq!(p.refresh_identifier(), Some("+4917667111638"));
    }

    #[test]
    fn storage_keeps_everything() {
        let text = serde_json::to_string(&person()).unwrap();
        assert_eq!(serde_json::from_str::<Identity>(&text).unwrap(), person());
    }
}
