//! The `credentials` table: the credentials of identities, and the guards that make identifiers unique.
//!
//! The key of a credential is its identity and its type. The key of a guard is the value that must be unique: an identifier of a
//! credential type, an address, an external id. The guard of a password identifier repeats the hash and the credential's version. So
//! a login needs one read by key, and can still notice that the credential changed meanwhile.

use crate::db::{Db, StoreError};
use crate::item::incomplete;
use crate::item::{FORMAT, Item, doc, key, n, number, read_doc, s, string};
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, TransactWriteItem, Update};
use latchkey_core::identity::{CredentialType, Guard, Unique};
use latchkey_core::token;
use latchkey_platform::{Environment, StartError, meter};
use serde_json::Value;
use uuid::Uuid;

const GUARD: &str = "guard";
/// Longest value that stands in a key as it is, in bytes.
const LONGEST_IN_KEY: usize = 1024;

/// A handle for the `credentials` table.
#[derive(Clone, Debug)]
pub struct Credentials {
    db: Db,
    table: String,
}

fn unique_key(unique: &Unique) -> Item {
    let (kind, value) = match unique {
        Unique::Identifier(kind, value) => (kind.as_str().to_owned(), value),
        Unique::Verifiable(via, value) => (format!("verifiable#{via}"), value),
        Unique::Recovery(via, value) => (format!("recovery#{via}"), value),
        Unique::ExternalId(value) => ("external".to_owned(), value),
    };
    // A key holds 2,048 bytes and a user may type more. No kind has a `!` in it, so the two forms never meet.
    let pk = if value.len() > LONGEST_IN_KEY {
        format!("{kind}!{}", token::digest(value))
    } else {
        format!("{kind}#{value}")
    };
    key(pk, Some(GUARD))
}

/// A credential with its secret part.
#[derive(Clone, Debug, PartialEq)]
pub struct Credential {
    /// Its type.
    pub kind: CredentialType,
    /// Raised by every change.
    pub version: u64,
    /// The secret part, as the admin API shows it when asked to.
    pub config: Value,
}

impl Credential {
    /// The hash of a password credential, if there is a password.
    pub fn hash(&self) -> Option<&str> {
        self.config.get("hashed_password").and_then(Value::as_str).filter(|hash| !hash.is_empty())
    }
}

impl Credentials {
    /// The table named by `LATCHKEY_TABLE_CREDENTIALS`.
    ///
    /// # Errors
    /// When the variable is missing.
    pub fn open(db: &Db, env: &Environment) -> Result<Self, StartError> {
        let table = env.require("LATCHKEY_TABLE_CREDENTIALS", "the name of the table of credentials")?.to_owned();
        Ok(Self { db: db.clone(), table })
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// Opens the first connection before the first request comes.
    pub fn warm(&self) {
        self.db.warm(&self.table, key("warm", Some(GUARD)));
    }

    /// The identities that these belong to, in the order asked for.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn owners(&self, wanted: &[Unique]) -> Result<Vec<Option<Guard>>, StoreError> {
        let items = self.guards(wanted).await?;
        wanted.iter().map(|unique| Self::pick(&items, unique)).collect()
    }

    /// Those of these that belong to an identity. A guard that cannot be read belongs to none.
    pub(crate) async fn held_by(&self, identity: Uuid, candidates: &[Unique]) -> Result<Vec<Unique>, StoreError> {
        let items = self.guards(candidates).await?;
        let is_theirs = |unique: &&Unique| {
            Self::pick(&items, unique).is_ok_and(|guard| guard.is_some_and(|guard| guard.identity == identity))
        };
        Ok(candidates.iter().filter(is_theirs).cloned().collect())
    }

    async fn guards(&self, wanted: &[Unique]) -> Result<Vec<Item>, StoreError> {
        let keys: Vec<Item> = wanted.iter().map(unique_key).collect();
        self.db.get_many(&self.table, &keys).await
    }

    /// The secret parts of the credentials of an identity as text, whether or not they can be read.
    pub(crate) async fn raw_of(&self, identity: Uuid, kinds: &[CredentialType]) -> Result<Vec<String>, StoreError> {
        let keys: Vec<Item> = kinds.iter().map(|&kind| credential_key(identity, kind)).collect();
        let items = self.db.get_many(&self.table, &keys).await?;
        Ok(items.iter().filter_map(|item| string(item, "doc").ok().map(str::to_owned)).collect())
    }

    pub(crate) fn guard_key(unique: &Unique) -> Item {
        unique_key(unique)
    }

    pub(crate) fn pick(items: &[Item], unique: &Unique) -> Result<Option<Guard>, StoreError> {
        let key = unique_key(unique);
        items.iter().find(|item| item.get("pk") == key.get("pk")).map(read_guard).transpose()
    }

    /// The credentials of an identity.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of(&self, identity: Uuid, kinds: &[CredentialType]) -> Result<Vec<Credential>, StoreError> {
        self.read_many(&[identity], kinds).await?.into_iter().map(|(.., credential)| credential).collect()
    }

    /// The credentials of several identities, in no order. One that cannot be read is left out and does not hide the others.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_many(
        &self,
        identities: &[Uuid],
        kinds: &[CredentialType],
    ) -> Result<Vec<(Uuid, Credential)>, StoreError> {
        let read = self.read_many(identities, kinds).await?.into_iter();
        Ok(read
            .filter_map(|(id, kind, credential)| match credential {
                Ok(credential) => Some((id, credential)),
                Err(_) => {
                    meter::unreadable("credentials", &format!("{id} {}", kind.as_str()));
                    None
                }
            })
            .collect())
    }

    async fn read_many(
        &self,
        identities: &[Uuid],
        kinds: &[CredentialType],
    ) -> Result<Vec<(Uuid, CredentialType, Result<Credential, StoreError>)>, StoreError> {
        let keys: Vec<Item> =
            identities.iter().flat_map(|&id| kinds.iter().map(move |&kind| credential_key(id, kind))).collect();
        let read = |item: &Item| {
            let name = string(item, "sk")?;
            let kind = *kinds.iter().find(|k| k.as_str() == name).ok_or_else(|| crate::item::broken("sk"))?;
            let id = Uuid::parse_str(string(item, "pk")?).map_err(|_| crate::item::broken("pk"))?;
            Ok((id, kind, read_credential(kind, item)))
        };
        self.db.get_many(&self.table, &keys).await?.iter().map(read).collect()
    }

    /// Replaces a password's hash by a better one of the same password, in the credential and in every guard; false when
    /// the credential changed in the meantime.
    ///
    /// The version stays: it is the same password, and other logins by it that are under way must not fail.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn rehash(
        &self,
        identity: Uuid,
        identifiers: &[String],
        version: u64,
        hash: &str,
        request: Uuid,
    ) -> Result<bool, StoreError> {
        let config = serde_json::json!({"hashed_password": hash});
        let credential = Credential { kind: CredentialType::Password, version, config };
        let mut actions = vec![self.put_credential(identity, &credential, Some(version))?];
        for identifier in identifiers {
            let unique = Unique::Identifier(CredentialType::Password, identifier.clone());
            let update = Update::builder()
                .table_name(&self.table)
                .set_key(Some(unique_key(&unique)))
                .update_expression("SET #hash = :hash")
                .condition_expression("#identity = :identity AND version = :version")
                .expression_attribute_names("#hash", "hash")
                .expression_attribute_names("#identity", "identity")
                .expression_attribute_values(":version", n(version))
                .expression_attribute_values(":hash", s(hash))
                .expression_attribute_values(":identity", s(identity.to_string()));
            actions.push(TransactWriteItem::builder().update(update.build().map_err(incomplete)?).build());
        }
        Ok(self.db.transact(actions, request).await?.is_ok())
    }

    /// Requires that the credential is still the one that was checked.
    pub(crate) fn check_version(
        &self,
        identity: Uuid,
        kind: CredentialType,
        version: u64,
    ) -> Result<TransactWriteItem, StoreError> {
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(credential_key(identity, kind)))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", n(version));
        Ok(TransactWriteItem::builder().condition_check(check.build().map_err(incomplete)?).build())
    }

    pub(crate) fn put_credential(
        &self,
        identity: Uuid,
        credential: &Credential,
        before: Option<u64>,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut item = credential_key(identity, credential.kind);
        item.extend([
            ("v".to_owned(), n(FORMAT)),
            ("doc".to_owned(), doc(&credential.config)?),
            ("version".to_owned(), n(credential.version)),
        ]);
        let put = Put::builder().table_name(&self.table).set_item(Some(item));
        let put = match before {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(version) => {
                put.condition_expression("version = :before").expression_attribute_values(":before", n(version))
            }
        };
        Ok(TransactWriteItem::builder().put(put.build().map_err(incomplete)?).build())
    }

    pub(crate) fn delete_credential(
        &self,
        identity: Uuid,
        kind: CredentialType,
    ) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder().table_name(&self.table).set_key(Some(credential_key(identity, kind)));
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(incomplete)?).build())
    }

    /// Takes a unique value for an identity, or renews the guard that the identity holds already. A value that a deleted identity in
    /// `gone` held is free.
    pub(crate) fn put_guard(
        &self,
        unique: &Unique,
        guard: &Guard,
        gone: &[Uuid],
    ) -> Result<TransactWriteItem, StoreError> {
        let mut item = unique_key(unique);
        item.extend([
            ("v".to_owned(), n(FORMAT)),
            ("identity".to_owned(), s(guard.identity.to_string())),
            ("version".to_owned(), n(guard.version)),
        ]);
        if let Some(hash) = &guard.hash {
            item.insert("hash".to_owned(), s(hash));
        }
        // A guard that names no identity protects nothing.
        let mut condition = "attribute_not_exists(#identity) OR #identity = :identity".to_owned();
        let mut put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .expression_attribute_names("#identity", "identity")
            .expression_attribute_values(":identity", s(guard.identity.to_string()));
        for (place, id) in gone.iter().enumerate() {
            condition.push_str(&format!(" OR #identity = :gone{place}"));
            put = put.expression_attribute_values(format!(":gone{place}"), s(id.to_string()));
        }
        let put = put.condition_expression(condition);
        Ok(TransactWriteItem::builder().put(put.build().map_err(incomplete)?).build())
    }

    pub(crate) fn delete_guard(&self, unique: &Unique, identity: Uuid) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(unique_key(unique)))
            // A guard that names no identity prevents no deletion.
            .condition_expression("attribute_not_exists(#identity) OR #identity = :identity")
            .expression_attribute_names("#identity", "identity")
            .expression_attribute_values(":identity", s(identity.to_string()));
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(incomplete)?).build())
    }
}

fn credential_key(identity: Uuid, kind: CredentialType) -> Item {
    key(identity.to_string(), Some(kind.as_str()))
}

fn read_credential(kind: CredentialType, item: &Item) -> Result<Credential, StoreError> {
    Ok(Credential { kind, version: number(item, "version")?, config: read_doc(item)? })
}

fn read_guard(item: &Item) -> Result<Guard, StoreError> {
    Ok(Guard {
        identity: Uuid::parse_str(string(item, "identity")?).map_err(|_| crate::item::broken("identity"))?,
        version: number(item, "version")?,
        hash: item.get("hash").and_then(|v| v.as_s().ok()).cloned(),
    })
}
