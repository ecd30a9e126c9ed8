//! The profile of an identity in the `accounts` table: what it holds, and each way in which it is made, changed and deleted.

use super::{Accounts, PROFILE, read_id};
use crate::db::StoreError;
use crate::item::incomplete;
use crate::item::{FORMAT, Item, count, doc, instant, key, n, number, read_doc, s};
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update};
use latchkey_core::identity::{Identity, State};
use latchkey_core::session::{Session, SessionIndex};
use latchkey_platform::meter;
use std::collections::HashMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// An identity as stored, with the revision that a change must name.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The identity.
    pub identity: Identity,
    /// Raised by every change; a change made from an older one is refused.
    pub revision: u64,
    /// Its sessions, by when each was last proven. Logins alone change it.
    pub index: SessionIndex,
    /// Raised by every login; a deletion decided before one is refused.
    pub logins: u64,
}

/// What an identity must be for a transaction to happen.
#[derive(Clone, Copy, Debug)]
pub enum Precondition<'a> {
    /// It is there and may sign in.
    Active,
    /// It is as it was read.
    Unchanged(&'a Profile),
    /// It is as it was read, and becomes what stands on the right.
    Becomes(&'a Profile, &'a Identity),
}

impl Accounts {
    /// Reads an identity.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn profile(&self, id: Uuid) -> Result<Option<Profile>, StoreError> {
        self.raw_profile(id).await?.as_ref().map(read_profile).transpose()
    }

    /// Reads identities by id, in no order; unknown ids are left out. The second list has the ids whose records cannot be read, so that
    /// such a record does not hide the others.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn profiles(&self, ids: &[Uuid]) -> Result<(Vec<Profile>, Vec<Uuid>), StoreError> {
        let (mut all, mut unreadable) = (Vec::with_capacity(ids.len()), Vec::new());
        for item in self.raw_profiles(ids).await? {
            match read_profile(&item) {
                Ok(profile) => all.push(profile),
                Err(_) => {
                    let id = read_id(&item, "pk")?;
                    meter::unreadable("accounts", &id.to_string());
                    unreadable.push(id);
                }
            }
        }
        Ok((all, unreadable))
    }

    /// The item of an identity as it is stored, whether or not it can be read.
    pub(crate) async fn raw_profile(&self, id: Uuid) -> Result<Option<Item>, StoreError> {
        self.db.get("GetItem profile", &self.table, profile_key(id)).await
    }

    async fn raw_profiles(&self, ids: &[Uuid]) -> Result<Vec<Item>, StoreError> {
        let keys: Vec<Item> = ids.iter().map(|&id| profile_key(id)).collect();
        self.db.get_many(&self.table, &keys).await
    }

    /// Those of these identities that exist, whether or not their records can be read.
    pub(crate) async fn present(&self, ids: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
        self.raw_profiles(ids).await?.iter().map(|item| read_id(item, "pk")).collect()
    }

    /// The part of a transaction that writes a profile, provided that the identity is what `precondition` says.
    pub(crate) fn write_profile(
        &self,
        mut write: ProfileWrite,
        precondition: Precondition<'_>,
    ) -> Result<TransactWriteItem, StoreError> {
        match precondition {
            Precondition::Active => {
                write.name("#state", "state");
                write.value(":active", s(State::Active.as_str()));
                write.build(self.table(), "#state = :active")
            }
            Precondition::Unchanged(profile) => write.build_on(self.table(), profile.revision),
            Precondition::Becomes(profile, identity) => {
                write.becomes(identity, profile.revision + 1)?;
                write.build_on(self.table(), profile.revision)
            }
        }
    }

    pub(crate) fn put_new_profile(&self, identity: &Identity) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(self.table())
            .set_item(Some(profile_item(identity)?))
            .condition_expression("attribute_not_exists(pk)");
        Ok(TransactWriteItem::builder().put(put.build().map_err(incomplete)?).build())
    }

    /// Requires that the identity does not exist.
    pub(crate) fn check_absent(&self, identity: Uuid) -> Result<TransactWriteItem, StoreError> {
        let check = ConditionCheck::builder()
            .table_name(self.table())
            .set_key(Some(profile_key(identity)))
            .condition_expression("attribute_not_exists(pk)");
        Ok(TransactWriteItem::builder().condition_check(check.build().map_err(incomplete)?).build())
    }

    /// Deletes an identity whose record cannot be read, unless the record was changed since it was read.
    pub(crate) fn delete_raw_profile(&self, id: Uuid, item: &Item) -> Result<TransactWriteItem, StoreError> {
        self.delete_profile_as(id, ["revision", "logins"].map(|name| (name, item.get(name).cloned())))
    }

    /// Deletes the identity that was read, unless it was changed or signed in since.
    pub(crate) fn delete_profile(&self, profile: &Profile) -> Result<TransactWriteItem, StoreError> {
        let logins = (profile.logins > 0).then(|| n(profile.logins));
        self.delete_profile_as(profile.identity.id, [("revision", Some(n(profile.revision))), ("logins", logins)])
    }

    /// Deletes a profile, as long as these attributes are what they were; those that were not there must not be there.
    fn delete_profile_as(
        &self,
        id: Uuid,
        read: [(&str, Option<AttributeValue>); 2],
    ) -> Result<TransactWriteItem, StoreError> {
        let mut delete = Delete::builder().table_name(self.table()).set_key(Some(profile_key(id)));
        let mut conditions = Vec::new();
        for (name, value) in read {
            conditions.push(match value {
                Some(value) => {
                    delete = delete.expression_attribute_values(format!(":{name}"), value);
                    format!("{name} = :{name}")
                }
                None => format!("attribute_not_exists({name})"),
            });
        }
        let delete = delete.condition_expression(conditions.join(" AND "));
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(incomplete)?).build())
    }
}

/// A write of a profile, put together from its parts.
pub(crate) struct ProfileWrite {
    id: Uuid,
    set: Vec<String>,
    remove: Vec<String>,
    add: Vec<String>,
    names: HashMap<String, String>,
    values: Item,
}

impl ProfileWrite {
    /// A write of nothing yet.
    pub(crate) fn of(id: Uuid) -> Self {
        Self { id, set: vec![], remove: vec![], add: vec![], names: HashMap::new(), values: Item::new() }
    }

    fn name(&mut self, place: &str, attribute: impl Into<String>) {
        self.names.insert(place.to_owned(), attribute.into());
    }

    fn value(&mut self, place: &str, value: AttributeValue) {
        self.values.insert(place.to_owned(), value);
    }

    fn becomes(&mut self, identity: &Identity, revision: u64) -> Result<(), StoreError> {
        for (attribute, value) in profile_facts(identity, revision)? {
            let place = format!("#{attribute}");
            self.set.push(format!("{place} = :{attribute}"));
            self.name(&place, attribute);
            self.value(&format!(":{attribute}"), value);
        }
        Ok(())
    }

    /// Enters a session into the identity's index, and removes other entries.
    pub(crate) fn list(&mut self, session: &Session, unlisting: &[Uuid]) {
        self.set.push("#entry = :at".to_owned());
        self.name("#entry", index_entry(session.id));
        self.value(":at", instant(session.facts.authenticated_at));
        self.add.push("logins :one".to_owned());
        self.value(":one", n(1));
        for (place, id) in unlisting.iter().filter(|id| **id != session.id).enumerate() {
            let place = format!("#r{place}");
            self.name(&place, index_entry(*id));
            self.remove.push(place);
        }
    }

    fn build_on(mut self, table: &str, revision: u64) -> Result<TransactWriteItem, StoreError> {
        self.value(":before", n(revision));
        self.build(table, "revision = :before")
    }

    fn build(self, table: &str, condition: &str) -> Result<TransactWriteItem, StoreError> {
        let clauses = [("SET", self.set), ("REMOVE", self.remove), ("ADD", self.add)];
        let clauses = clauses.into_iter().filter(|(_, parts)| !parts.is_empty());
        let expression: Vec<_> = clauses.map(|(verb, parts)| format!("{verb} {}", parts.join(", "))).collect();
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(profile_key(self.id)))
            .update_expression(expression.join(" "))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(self.names).filter(|names| !names.is_empty()))
            .set_expression_attribute_values(Some(self.values));
        Ok(TransactWriteItem::builder().update(update.build().map_err(incomplete)?).build())
    }
}

/// What the names of a roll's entries begin with. Each entry is an attribute of its own, so that logins at the same time write side
/// by side.
const ENTRY: &str = "s#";

fn index_entry(session: Uuid) -> String {
    format!("{ENTRY}{session}")
}

fn read_index(item: &Item) -> SessionIndex {
    SessionIndex::new(item.iter().filter_map(|(name, value)| {
        let id = Uuid::try_parse(name.strip_prefix(ENTRY)?).ok()?;
        let at = OffsetDateTime::from_unix_timestamp_nanos(value.as_n().ok()?.parse().ok()?).ok()?;
        Some((at, id))
    }))
}

pub(crate) fn profile_key(id: Uuid) -> Item {
    key(id.to_string(), Some(PROFILE))
}

/// The attributes of an identity that every creation and every change writes.
fn profile_facts(identity: &Identity, revision: u64) -> Result<[(&'static str, AttributeValue); 5], StoreError> {
    // The first digit of the id, which a UUID always has.
    let shard = identity.id.to_string().chars().next().unwrap_or('0');
    Ok([
        ("v", n(FORMAT)),
        ("doc", doc(identity)?),
        ("state", s(identity.state.as_str())),
        ("revision", n(revision)),
        ("shard", s(shard)),
    ])
}

fn profile_item(identity: &Identity) -> Result<Item, StoreError> {
    let mut item = profile_key(identity.id);
    item.extend(profile_facts(identity, 1)?.map(|(name, value)| (name.to_owned(), value)));
    Ok(item)
}

pub(crate) fn read_profile(item: &Item) -> Result<Profile, StoreError> {
    Ok(Profile {
        identity: read_doc(item)?,
        revision: number(item, "revision")?,
        index: read_index(item),
        logins: count(item, "logins")?,
    })
}
