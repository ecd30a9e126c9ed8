//! From a body to an identity: validates traits, derives identifiers and addresses, hashes secrets. Stores nothing.

use crate::App;
use crate::body::{self, known_keys, list, text};
use latchkey_core::bounds;
use latchkey_core::error::ApiError;
use latchkey_core::identity::{
    AddressStatus, CredentialSummary, CredentialType, Identity, RecoveryAddress, State, VerifiableAddress, Via,
};
use latchkey_hashers::{Password, StoredHash};
use latchkey_platform::Rng;
use latchkey_schema::{Extracted, identifier_to_keep};
use latchkey_store::credentials::Credential;
use latchkey_web::Fault;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

/// An identity with its secrets, as they are to be stored.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) identity: Identity,
    pub(crate) secrets: Vec<Credential>,
}

impl Draft {
    /// A new identity.
    pub(crate) fn blank(id: Uuid, schema_id: String, now: OffsetDateTime) -> Self {
        let identity = Identity {
            id,
            external_id: None,
            schema_id,
            state: State::Active,
            state_changed_at: now,
            traits: json!({}),
            verifiable_addresses: Vec::new(),
            recovery_addresses: Vec::new(),
            metadata_public: Value::Null,
            metadata_admin: Value::Null,
            created_at: now,
            updated_at: now,
            organization_id: None,
            region: None,
            credentials: std::collections::BTreeMap::new(),
        };
        Self { identity, secrets: Vec::new() }
    }

    /// Sets the state; its time changes only with it.
    pub(crate) fn set_state(&mut self, state: State, now: OffsetDateTime) {
        if self.identity.state != state {
            self.identity.state = state;
            self.identity.state_changed_at = now;
        }
    }

    /// Sets schema and traits. Unchanged traits need not follow the schema of today, because outdated traits must not prevent disabling
    /// an identity in an emergency. If they are sent again and follow the schema, everything derived from them is derived again.
    ///
    /// # Errors
    /// 400 when the schema is unknown or the traits do not follow it.
    pub(crate) fn change_traits(
        &mut self,
        app: &App,
        schema_id: Option<&str>,
        traits: &Value,
        unchanged: Unchanged,
        now: OffsetDateTime,
    ) -> Result<(), ApiError> {
        let schema_id = schema_id.unwrap_or(&self.identity.schema_id);
        if schema_id != self.identity.schema_id || *traits != self.identity.traits {
            self.identity.schema_id = schema_id.to_owned();
            return self.set_traits(app, traits, now);
        }
        if unchanged == Unchanged::DeriveAnew {
            let mut anew = self.clone();
            if anew.set_traits(app, traits, now).is_ok() {
                *self = anew;
            }
        }
        Ok(())
    }

    /// Validates traits against the schema and derives everything that follows from them. Identifiers and addresses are removed with the
    /// trait that they came from.
    ///
    /// # Errors
    /// 400 when the schema is unknown or the traits do not follow it.
    pub(crate) fn set_traits(&mut self, app: &App, traits: &Value, now: OffsetDateTime) -> Result<(), ApiError> {
        body::shallow(traits, "traits")?;
        let id = &self.identity.schema_id;
        let schema =
            app.schemas.get(id).ok_or_else(|| ApiError::bad_request(format!("Unable to find JSON Schema ID: {id}")))?;
        let found = schema.extract(traits).map_err(|e| ApiError::bad_request(e.to_string()))?;
        self.set_addresses(&app.edge.rng, &found, now);
        self.identity.traits = found.traits;
        self.set_identifiers(CredentialType::Password, found.password, now);
        self.set_identifiers(CredentialType::Webauthn, found.webauthn, now);
        let addresses: Vec<Value> =
            found.code.iter().map(|c| json!({"channel": via(c.channel), "address": c.address})).collect();
        self.set_identifiers(CredentialType::Code, found.code.into_iter().map(|c| c.address).collect(), now);
        if !addresses.is_empty() {
            self.set_secret(CredentialType::Code, json!({"addresses": addresses}));
        }
        Ok(())
    }

    fn set_addresses(&mut self, rng: &Rng, found: &Extracted, now: OffsetDateTime) {
        let identity = &mut self.identity;
        let (old, old_recovery) =
            (std::mem::take(&mut identity.verifiable_addresses), std::mem::take(&mut identity.recovery_addresses));
        for address in &found.verifiable {
            let via = via(address.via);
            let known = old.iter().find(|a| a.via == via && a.value == address.value).cloned();
            identity.verifiable_addresses.push(known.unwrap_or_else(|| VerifiableAddress {
                id: rng.id(),
                value: address.value.clone(),
                verified: false,
                via,
                status: AddressStatus::Pending,
                verified_at: None,
                created_at: now,
                updated_at: now,
            }));
        }
        for address in &found.recovery {
            let via = via(address.via);
            let known = old_recovery.iter().find(|a| a.via == via && a.value == address.value).cloned();
            identity.recovery_addresses.push(known.unwrap_or_else(|| RecoveryAddress {
                id: rng.id(),
                value: address.value.clone(),
                via,
                created_at: now,
                updated_at: now,
            }));
        }
    }

    fn set_identifiers(&mut self, kind: CredentialType, mut identifiers: Vec<String>, now: OffsetDateTime) {
        identifiers.sort();
        identifiers.dedup();
        let secret = self.secrets.iter_mut().find(|c| c.kind == kind);
        // A code credential without addresses is removed; a password waits for another identifier.
        let is_empty = kind == CredentialType::Code || secret.as_ref().is_none_or(|c| c.config == json!({}));
        if identifiers.is_empty() && is_empty {
            self.identity.credentials.remove(&kind);
            self.secrets.retain(|c| c.kind != kind);
            return;
        }
        let known = self.identity.credentials.get(&kind).map(|summary| &summary.identifiers);
        if known == Some(&identifiers) {
            return;
        }
        // A login in flight by an identifier that is removed must fail.
        match secret {
            Some(secret) => secret.version += 1,
            None => self.set_secret(kind, json!({})),
        }
        let credential = self.summary(kind, now);
        credential.identifiers = identifiers;
        credential.updated_at = now;
    }

    fn summary(&mut self, kind: CredentialType, now: OffsetDateTime) -> &mut CredentialSummary {
        self.identity.credentials.entry(kind).or_insert_with(|| CredentialSummary {
            identifiers: Vec::new(),
            created_at: now,
            updated_at: now,
            usable: false,
            second_factors: 0,
        })
    }

    /// Sets the secret part of a credential; its version changes only with it.
    fn set_secret(&mut self, kind: CredentialType, config: Value) {
        match self.secrets.iter_mut().find(|c| c.kind == kind) {
            Some(credential) if credential.config == config => {}
            Some(credential) => {
                credential.config = config;
                credential.version += 1;
            }
            None => self.secrets.push(Credential { kind, version: 1, config }),
        }
    }

    /// Sets a password's hash.
    pub(crate) fn set_password_hash(&mut self, hash: String, now: OffsetDateTime) {
        let credential = self.summary(CredentialType::Password, now);
        credential.usable = true;
        credential.updated_at = now;
        self.set_secret(CredentialType::Password, json!({"hashed_password": hash}));
    }

    /// Sets verification results of addresses in the traits; other addresses are ignored.
    ///
    /// # Errors
    /// 400 that names what is wrong.
    pub(crate) fn overlay_addresses(&mut self, given: &[Value], now: OffsetDateTime) -> Result<(), ApiError> {
        for entry in given {
            let entry = &known_keys(entry.clone(), ADDRESS)?;
            let (value, channel) = (text(entry, "value")?.unwrap_or(""), text(entry, "via")?.unwrap_or(""));
            let address = self.identity.verifiable_addresses.iter_mut().find(|a| {
                a.via.as_str() == channel
                    && (a.value == value || a.value == latchkey_schema::normalize_identifier(value))
            });
            let Some(address) = address else { continue };
            let before = address.clone();
            if let Some(verified) = entry.get("verified").and_then(Value::as_bool) {
                address.verified = verified;
                address.verified_at = verified.then(|| address.verified_at.unwrap_or(now));
            }
            if let Some(at) = text(entry, "verified_at")?.filter(|_| address.verified) {
                let parsed = bounds::instant(at).ok_or_else(|| {
                    ApiError::bad_request(format!(
                        "verified_at must be an RFC 3339 time of the years 1 to 9998, got {at:?}"
                    ))
                })?;
                address.verified_at = Some(parsed);
            }
            if let Some(status) = text(entry, "status")? {
                address.status = match status {
                    "pending" => AddressStatus::Pending,
                    "sent" => AddressStatus::Sent,
                    "completed" => AddressStatus::Completed,
                    other => {
                        let fault = format!("address status {other:?} is not one of pending, sent, completed");
                        return Err(ApiError::bad_request(fault));
                    }
                };
            }
            if *address != before {
                address.updated_at = now;
            }
        }
        Ok(())
    }

    /// Removes the password. The rest of the credential becomes that of an identity that never had one.
    pub(crate) fn forget_password(&mut self, now: OffsetDateTime) {
        let credential = self.summary(CredentialType::Password, now);
        credential.usable = false;
        credential.updated_at = now;
        self.set_secret(CredentialType::Password, json!({}));
    }

    /// Sets external id and region.
    ///
    /// # Errors
    /// 400 that names what is wrong.
    pub(crate) fn set_ids(&mut self, body: &Map<String, Value>) -> Result<(), ApiError> {
        for (key, most, field) in [
            ("external_id", bounds::LONGEST_EXTERNAL_ID, &mut self.identity.external_id),
            ("region", bounds::LONGEST_NAME, &mut self.identity.region),
        ] {
            let given = text(body, key)?;
            if field.as_deref() == given {
                continue;
            }
            if given.is_some_and(|text| text.chars().count() > most) {
                return Err(ApiError::bad_request(format!("{key} is longer than {most} characters")));
            }
            if given.is_some_and(|text| identifier_to_keep(text).is_err()) {
                return Err(ApiError::bad_request(format!("{key} must have at least one visible character")));
            }
            *field = given.map(str::to_owned);
        }
        Ok(())
    }

    /// Sets the organization, which only creation and patches may.
    ///
    /// # Errors
    /// 400 that names what is wrong.
    pub(crate) fn set_organization(&mut self, body: &Map<String, Value>) -> Result<(), ApiError> {
        self.identity.organization_id = match text(body, "organization_id")? {
            None => None,
            Some(id) => Some(
                Uuid::try_parse(id)
                    .map_err(|_| ApiError::bad_request(format!("organization_id must be a UUID, got {id:?}")))?,
            ),
        };
        Ok(())
    }

    /// Imports credentials of a body: passwords in clear text or as hashes.
    ///
    /// # Errors
    /// 400 for an unusable hash, or for a type that this release cannot store, because ignoring it would lose it.
    pub(crate) async fn import(&mut self, app: &App, given: Option<&Value>, now: OffsetDateTime) -> Result<(), Fault> {
        let Some(given) = given.filter(|value| !value.is_null()) else { return Ok(()) };
        let types = latchkey_core::identity::CREDENTIAL_TYPE_NAMES;
        for (kind, credential) in known_keys(given.clone(), &types)? {
            if credential.is_null() {
                continue;
            }
            if kind != "password" {
                let fault = format!("Credentials of type {kind} cannot be imported by this release.");
                return Err(ApiError::bad_request(fault).into());
            }
            let credential = known_keys(credential, &["config"])?;
            let Some(config) = credential.get("config").filter(|config| !config.is_null()) else { continue };
            let keys = ["hashed_password", "password", "use_password_migration_hook"];
            let config = known_keys(config.clone(), &keys)?;
            if config.get("use_password_migration_hook") == Some(&Value::Bool(true)) {
                let fault = "The password migration hook is not part of this release.";
                return Err(ApiError::bad_request(fault).into());
            }
            // A password in clear text has precedence, because it gets today's hash.
            let hash = match text(&config, "password")? {
                Some(password) => self.hash(app, password).await?,
                None => text(&config, "hashed_password")?.unwrap_or_default().to_owned(),
            };
            check_hash(&hash)?;
            self.set_password_hash(hash, now);
        }
        Ok(())
    }

    /// Hashes a password in clear text, after the same normalisation as in a login.
    async fn hash(&self, app: &App, password: &str) -> Result<String, Fault> {
        let password = Password::read(password).map_err(|e| ApiError::bad_request(e.to_string()))?;
        let (hasher, salt) = (app.hasher, app.edge.rng.bytes::<64>());
        let hashed = tokio::task::spawn_blocking(move || hasher.hash(password.prepared(), &salt)).await;
        match hashed {
            Ok(Ok(hash)) => Ok(hash),
            Ok(Err(error)) => Err(ApiError::bad_request(error.to_string()).into()),
            Err(error) => Err(Fault::internal(format!("a password could not be hashed: {error}"))),
        }
    }

    /// Checks of the whole identity: whether it can be stored, and which level it can reach. An identity that is too large already may
    /// stay as large as it is.
    ///
    /// # Errors
    /// 400 when it is larger than an item, or has more unique values than a transaction can hold.
    pub(crate) fn settle(&mut self, before: Option<&Self>) -> Result<(), ApiError> {
        let has_grown = |size: usize, most: usize, old: &dyn Fn(&Self) -> usize| {
            size > most && before.is_none_or(|before| size > old(before))
        };
        let most = bounds::LARGEST_IDENTITY;
        let size = stored_size(&self.identity);
        if has_grown(size, most, &|before| stored_size(&before.identity)) {
            let fault = format!("This identity takes {size} bytes as JSON, at most {most} can be kept.");
            return Err(ApiError::bad_request(fault));
        }
        let largest = |draft: &Self| draft.secrets.iter().map(|c| stored_size(&c.config)).max().unwrap_or(0);
        let (size, most) = (largest(self), bounds::LARGEST_CREDENTIAL);
        if has_grown(size, most, &largest) {
            let fault =
                format!("A credential of this identity takes {size} bytes as JSON, at most {most} can be kept.");
            return Err(ApiError::bad_request(fault));
        }
        let unique = |draft: &Self| draft.identity.unique().len();
        let (count, most) = (unique(self), bounds::MOST_UNIQUE);
        if has_grown(count, most, &unique) {
            let fault = format!(
                "This identity has {count} identifiers and addresses, at most {most} can be kept unique together."
            );
            return Err(ApiError::bad_request(fault));
        }
        Ok(())
    }
}

/// What happens to identifiers and addresses when neither traits nor schema change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unchanged {
    /// They are derived again if the traits follow the schema of today.
    DeriveAnew,
    /// They stay as they are.
    Keep,
}

/// The stored size of a value, in bytes.
fn stored_size(value: &impl serde::Serialize) -> usize {
    // The write refuses a value that cannot be serialised.
    serde_json::to_string(value).map_or(usize::MAX, |text| text.len())
}

/// Whether a hash can be stored: a password can match it, and a comparison is not too costly.
///
/// # Errors
/// 400 with the contract's reason, and the exact error as a hint.
pub(crate) fn check_hash(hash: &str) -> Result<(), ApiError> {
    StoredHash::parse(hash).map(drop).map_err(|e| ApiError::bad_request(e.to_string()).detail("hint", e.hint))
}

fn via(channel: latchkey_schema::Via) -> Via {
    match channel {
        latchkey_schema::Via::Email => Via::Email,
        latchkey_schema::Via::Sms => Via::Sms,
    }
}

/// Keys of an address in a body.
const ADDRESS: &[&str] = &["id", "value", "via", "verified", "status", "verified_at", "created_at", "updated_at"];

/// The verified addresses that a body names. Recovery addresses follow from the traits alone.
///
/// # Errors
/// 400 when one of them is not a list.
pub(crate) fn given_addresses(body: &Map<String, Value>) -> Result<&[Value], ApiError> {
    list(body, "recovery_addresses")?;
    list(body, "verifiable_addresses")
}
