//! An identity: traits, addresses, state, and the facts of its credentials without the secrets.

pub mod address;
pub mod credential;
pub mod unique;

pub use address::{AddressStatus, CodeAddress, RecoveryAddress, VerifiableAddress, Via};
pub use credential::{CREDENTIAL_TYPE_NAMES, CredentialSummary, CredentialType};
pub use unique::{Guard, Unique};

use crate::aal::Aal;
use crate::wire::timestamp;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;
use uuid::Uuid;

/// Whether an identity may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// May sign in.
    Active,
    /// May not; its sessions are not valid either.
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

/// An identity as stored: the public part, the part for administrators, and the facts that decisions need.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The id.
    pub id: Uuid,
    /// A unique id of the deployment's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Which identity schema the traits follow.
    pub schema_id: String,
    /// Whether it may sign in.
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
    /// Shown to the user.
    #[serde(default)]
    pub metadata_public: Value,
    /// Shown to administrators alone.
    #[serde(default)]
    pub metadata_admin: Value,
    /// When it was created.
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
            return self.verifiable_addresses.iter().map(CodeAddress::from).collect();
        }
        own.iter().map(|value| CodeAddress::of_credential(value)).collect()
    }

    /// Everything of the identity that must be unique.
    pub fn unique(&self) -> BTreeSet<Unique> {
        let identifiers = self.credentials.iter().flat_map(|(&kind, credential)| {
            credential.identifiers.iter().map(move |value| Unique::Identifier(kind, value.clone()))
        });
        identifiers
            .chain(self.verifiable_addresses.iter().map(|a| Unique::verifiable(a.via, &a.value)))
            .chain(self.recovery_addresses.iter().map(|a| Unique::recovery(a.via, &a.value)))
            .chain(self.external_id.iter().cloned().map(Unique::ExternalId))
            .collect()
    }

    /// The highest level that this identity can reach with the credentials that it has.
    pub fn available_aal(&self) -> Aal {
        if self.credentials.values().any(|credential| credential.second_factors > 0) {
            Aal::Aal2
        } else if self.credentials.values().any(|credential| credential.usable) {
            Aal::Aal1
        } else {
            Aal::Aal0
        }
    }

    /// Whether the identity, as it is now, receives codes at this address.
    pub fn receives_codes_at(&self, address: &str, fallback: bool) -> bool {
        self.code_addresses(false).iter().any(|own| own.value == address)
            || fallback && self.verifiable_addresses.iter().any(|own| own.value == address)
    }

    /// The identity once a code to this address was right: the address is verified. `None` when it was verified before.
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

    /// What the user and every client that checks the session may see (contract `login-flow.md` 7.2).
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

    fn identity() -> Identity {
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
        }
    }

    #[test]
    fn public_form_hides_what_administrators_see() {
        let shown = identity().public("https://auth.example/");
        assert_eq!(shown.get("metadata_admin"), None);
        assert_eq!(shown.get("credentials"), None);
        assert_eq!(shown["metadata_public"], Value::Null);
        assert_eq!(shown["organization_id"], Value::Null);
        assert_eq!(shown["schema_url"], "https://auth.example/schemas/ZGVmYXVsdA");
        assert_eq!(shown["created_at"], "2026-07-01T08:00:00.5Z");
        assert_eq!(shown.get("verifiable_addresses"), None, "absent when empty");
    }

    #[test]
    fn credential_without_password_fills_no_form() {
        let mut p = identity();
        let mut summary = CredentialSummary {
            identifiers: vec!["+4917667111638".into(), "ada@example.org".into()],
            created_at: p.created_at,
            updated_at: p.created_at,
            usable: false,
            second_factors: 0,
        };
        p.credentials.insert(CredentialType::Password, summary.clone());
        assert_eq!(p.refresh_identifier(), None);
        summary.usable = true;
        p.credentials.insert(CredentialType::Password, summary);
        assert_eq!(p.refresh_identifier(), Some("+4917667111638"));
    }

    #[test]
    fn level_follows_from_credentials() {
        let mut identity = identity();
        let credential = |usable, second_factors| CredentialSummary {
            identifiers: Vec::new(),
            created_at: datetime!(2026-07-01 8:00 UTC),
            updated_at: datetime!(2026-07-01 8:00 UTC),
            usable,
            second_factors,
        };
        assert_eq!(identity.available_aal(), Aal::Aal0);
        identity.credentials.insert(CredentialType::Password, credential(false, 0));
        assert_eq!(identity.available_aal(), Aal::Aal0);
        identity.credentials.insert(CredentialType::Password, credential(true, 0));
        assert_eq!(identity.available_aal(), Aal::Aal1);
        identity.credentials.insert(CredentialType::Webauthn, credential(false, 1));
        assert_eq!(identity.available_aal(), Aal::Aal2);
    }

    #[test]
    fn stored_form_keeps_everything() {
        let text = serde_json::to_string(&identity()).unwrap();
        assert_eq!(serde_json::from_str::<Identity>(&text).unwrap(), identity());
    }
}
