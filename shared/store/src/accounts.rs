//! The `accounts` table: a person's profile with their sessions beside it, one item collection per person.

use crate::db::{Db, MOST_IN_TRANSACTION, StoreError, pages, send};
use crate::devices::{DEVICE, read_device};
use crate::flows::incomplete;
use crate::item::{
    FORMAT, Item, bytes, doc, flag, instant, key, n, read_bytes, read_doc, read_instant, s, string, ttl,
};
use crate::profile::{profile_key, read_profile};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, Select, TransactWriteItem, Update};
use futures_util::TryStreamExt as _;
use latchkey_core::known_device::DeviceRecord;
use latchkey_core::session::{REMEMBERED, Secrets, Session};
use latchkey_core::token::{Presented, SecretHash};
use latchkey_platform::{Environment, StartError, meter};
use time::OffsetDateTime;
use uuid::Uuid;

pub(crate) const PROFILE: &str = "profile";
/// The first hex digits of ids.
pub(crate) const SHARDS: &str = "0123456789abcdef";

pub use crate::profile::Profile;

/// A handle for the `accounts` table.
#[derive(Clone, Debug)]
pub struct Accounts {
    db: Db,
    table: String,
}

/// Everything that lies with a person.
#[derive(Clone, Debug, Default)]
pub struct Collection {
    /// The person, unless they are gone.
    pub profile: Option<Profile>,
    /// Their sessions, ended ones too.
    pub sessions: Vec<Session>,
    /// The devices on which they have signed in.
    pub devices: Vec<DeviceRecord>,
}

impl Accounts {
    /// The table named by `LATCHKEY_TABLE_ACCOUNTS`.
    ///
    /// # Errors
    /// When the variable is missing.
    pub fn open(db: &Db, env: &Environment) -> Result<Self, StartError> {
        let table = env.require("LATCHKEY_TABLE_ACCOUNTS", "the name of the table of accounts")?.to_owned();
        Ok(Self { db: db.clone(), table })
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// Opens the first connection before the first request comes.
    pub fn warm(&self) {
        self.db.warm_by_batch(&self.table, key("warm", Some(PROFILE)));
    }

    /// Reads the session that a client presents, with the person it belongs to. Whether the secret fits is for the caller to
    /// decide; a session without its person is none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn session(&self, presented: &Presented) -> Result<Option<(Session, Profile)>, StoreError> {
        self.session_of(presented.identity(), presented.session()).await
    }

    pub(crate) fn session_keys(identity: Uuid, session: Uuid) -> Vec<Item> {
        vec![profile_key(identity), session_key(identity, session)]
    }

    pub(crate) fn pick_session(items: &[Item]) -> Result<Option<(Session, Profile)>, StoreError> {
        let (mut profile, mut session) = (None, None);
        for item in items {
            match string(item, "sk")? {
                PROFILE => profile = Some(read_profile(item)?),
                name if name.starts_with(DEVICE) => {}
                _ => session = Some(read_session(item)?),
            }
        }
        Ok(session.zip(profile))
    }

    /// Reads a person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn profile(&self, id: Uuid) -> Result<Option<Profile>, StoreError> {
        self.raw_profile(id).await?.as_ref().map(read_profile).transpose()
    }

    /// Reads people by id, in no order; unknown ids are left out. One whose record cannot be read must not hide the
    /// others: those ids are named beside them.
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

    /// The item of a person as it stands there, whether or not it can be read.
    pub(crate) async fn raw_profile(&self, id: Uuid) -> Result<Option<Item>, StoreError> {
        self.db.get("GetItem profile", &self.table, profile_key(id)).await
    }

    async fn raw_profiles(&self, ids: &[Uuid]) -> Result<Vec<Item>, StoreError> {
        let keys: Vec<Item> = ids.iter().map(|&id| profile_key(id)).collect();
        self.db.get_many(&self.table, &keys).await
    }

    /// Those of these people who are there, whether or not their records can be read.
    pub(crate) async fn present(&self, ids: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
        self.raw_profiles(ids).await?.iter().map(|item| read_id(item, "pk")).collect()
    }

    /// Reads a person with every session of theirs, ended ones too.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn everything_of(&self, id: Uuid) -> Result<(Option<Profile>, Vec<Session>), StoreError> {
        let all = self.collection_of(id).await?;
        Ok((all.profile, all.sessions))
    }

    /// Reads everything that lies with a person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn collection_of(&self, id: Uuid) -> Result<Collection, StoreError> {
        self.collection("Query account", id, None).await
    }

    /// Reads every session of a person, ended ones too.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sessions_of(&self, id: Uuid) -> Result<Vec<Session>, StoreError> {
        Ok(self.collection("Query sessions", id, Some("session#")).await?.sessions)
    }

    async fn collection(&self, name: &'static str, id: Uuid, prefix: Option<&str>) -> Result<Collection, StoreError> {
        let query = self.query_below(id).await;
        let query = match prefix {
            None => query,
            Some(prefix) => query
                .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
                .expression_attribute_values(":sk", s(prefix)),
        };
        let mut all = Collection::default();
        let mut pages = pages(name, query);
        while let Some(page) = pages.try_next().await? {
            for item in page.items.unwrap_or_default() {
                match string(&item, "sk")? {
                    PROFILE => all.profile = Some(read_profile(&item)?),
                    // One that cannot be read is a device that nobody knows.
                    name if name.starts_with(DEVICE) => all.devices.extend(read_device(&item)),
                    // One session that cannot be read is worth nothing, and must not take the others with it.
                    sk => match read_session(&item) {
                        Ok(session) => all.sessions.push(session),
                        Err(_) => meter::unreadable("accounts", &format!("{id} {sk}")),
                    },
                }
            }
        }
        Ok(all)
    }

    /// A query for everything under the key of a person.
    pub(crate) async fn query_below(&self, id: Uuid) -> QueryFluentBuilder {
        self.db
            .client()
            .await
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s(id.to_string()))
    }

    /// Finds whose a session is. The index lags behind by moments, so what it names is read again by key.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn owner_of_session(&self, session: Uuid) -> Result<Option<Uuid>, StoreError> {
        let call = self
            .db
            .client()
            .await
            .query()
            .table_name(&self.table)
            .index_name("by-session")
            .key_condition_expression("session_id = :id")
            .expression_attribute_values(":id", s(session.to_string()))
            .limit(1)
            .send();
        let items = send("Query by-session", call).await?.items.unwrap_or_default();
        items.first().map(|item| read_id(item, "pk")).transpose()
    }

    /// Reads one session of a person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn session_of(&self, identity: Uuid, session: Uuid) -> Result<Option<(Session, Profile)>, StoreError> {
        Self::pick_session(&self.db.get_many(&self.table, &Self::session_keys(identity, session)).await?)
    }

    /// Ids of people after `after` in id order, at most `most`, from the index of profiles.
    ///
    /// The index is split by the id's first hex digit, so walking 0…f is id order and no partition is hot.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn ids_after(&self, after: Uuid, most: usize) -> Result<Vec<Uuid>, StoreError> {
        let start = after.to_string();
        let mut ids = Vec::new();
        for shard in SHARDS.chars().skip_while(|&c| !start.starts_with(c)) {
            let query = self.query_shard(shard).await.key_condition_expression("#shard = :shard AND pk > :after");
            // Bounded by the caller to 1,001.
            let query = query.expression_attribute_values(":after", s(&start)).limit((most - ids.len()) as i32);
            let mut pages = pages("Query by-shard", query);
            while let Some(page) = pages.try_next().await? {
                for item in page.items.unwrap_or_default() {
                    ids.push(read_id(&item, "pk")?);
                }
                if ids.len() >= most {
                    ids.truncate(most);
                    return Ok(ids);
                }
            }
        }
        Ok(ids)
    }

    /// How many people there are.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn count(&self) -> Result<usize, StoreError> {
        let mut total = 0;
        for shard in SHARDS.chars() {
            let mut pages = pages("Query by-shard", self.query_shard(shard).await.select(Select::Count));
            while let Some(page) = pages.try_next().await? {
                // A page holds at most 1 MB of keys, so its count is small and never negative.
                total += usize::try_from(page.count).unwrap_or(0);
            }
        }
        Ok(total)
    }

    /// A query for the ids of people that begin with a digit.
    async fn query_shard(&self, shard: char) -> QueryFluentBuilder {
        self.db
            .client()
            .await
            .query()
            .table_name(&self.table)
            .index_name("by-shard")
            .key_condition_expression("#shard = :shard")
            .expression_attribute_names("#shard", "shard")
            .expression_attribute_values(":shard", s(shard))
    }

    /// Revokes a session of a person; true when there is such a session, whether or not it was revoked before.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn revoke(&self, identity: Uuid, session: Uuid) -> Result<bool, StoreError> {
        let call = self
            .db
            .client()
            .await
            .update_item()
            .table_name(&self.table)
            .set_key(Some(session_key(identity, session)))
            .update_expression("SET active = :no")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .send();
        match meter::call("UpdateItem revoke", call).await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(false),
            Err(e) => Err(crate::db::unavailable(e)),
        }
    }

    /// Revokes these sessions of a person at once, as far as 100 fit into one transaction. Those that are gone stay so.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn revoke_all(&self, identity: Uuid, sessions: &[Uuid], request: Uuid) -> Result<(), StoreError> {
        self.in_chunks(sessions, request, |&id| self.end_session(identity, id)).await
    }

    /// Deletes these sessions of a person, as far as 100 fit into one transaction.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_sessions(&self, identity: Uuid, sessions: &[Uuid], request: Uuid) -> Result<(), StoreError> {
        self.in_chunks(sessions, request, |&id| self.delete_session(identity, id)).await
    }

    /// Does something to each of these, in transactions of as many as fit, whose requests are numbered from the one after `request`.
    pub(crate) async fn in_chunks<T>(
        &self,
        all: &[T],
        request: Uuid,
        action: impl Fn(&T) -> Result<TransactWriteItem, StoreError>,
    ) -> Result<(), StoreError> {
        let mut token = request.as_u128();
        for chunk in all.chunks(MOST_IN_TRANSACTION) {
            let mut rest: Vec<&T> = chunk.iter().collect();
            while !rest.is_empty() {
                let actions = rest.iter().map(|one| action(one)).collect::<Result<_, _>>()?;
                // Each transaction is a request of its own, and a repeated one must be recognised.
                token = token.wrapping_add(1);
                match self.db.transact(actions, Uuid::from_u128(token)).await? {
                    Ok(()) => break,
                    // Nothing was written because some are gone: that must not save the others.
                    Err(cancelled) => {
                        let there = rest.iter().enumerate().filter(|(place, _)| !cancelled.failed(*place));
                        rest = there.map(|(_, &one)| one).collect();
                    }
                }
            }
        }
        Ok(())
    }

    /// Moves a live session's end; false when it was revoked or is gone.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn extend(&self, identity: Uuid, session: Uuid, until: OffsetDateTime) -> Result<bool, StoreError> {
        let call = self
            .db
            .client()
            .await
            .update_item()
            .table_name(&self.table)
            .set_key(Some(session_key(identity, session)))
            .update_expression("SET ends = :ends, #ttl = :ttl")
            .condition_expression("attribute_exists(pk) AND active = :yes")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ends", instant(until))
            .expression_attribute_values(":ttl", ttl(until + REMEMBERED))
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .send();
        match meter::call("UpdateItem extend", call).await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(false),
            Err(e) => Err(crate::db::unavailable(e)),
        }
    }

    /// Forgets the secret before the last refresh, because the new one has been used. Losing this write only leaves the old
    /// secret its minute.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget_previous_secret(&self, session: &Session) -> Result<(), StoreError> {
        let call = self
            .db
            .client()
            .await
            .update_item()
            .table_name(&self.table)
            .set_key(Some(session_key(session.identity, session.id)))
            .update_expression("REMOVE prev, prev_ends")
            .condition_expression("secret = :secret")
            .expression_attribute_values(":secret", bytes(session.secrets.current().as_bytes()))
            .send();
        match meter::call("UpdateItem forget", call).await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(()),
            Err(e) => Err(crate::db::unavailable(e)),
        }
    }

    pub(crate) fn put_new_session(&self, session: &Session) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(session_item(session)?))
            .condition_expression("attribute_not_exists(pk)");
        Ok(TransactWriteItem::builder().put(put.build().map_err(incomplete)?).build())
    }

    /// Replaces a live session by its strengthened form; a revoked one stays revoked, and of two that strengthen it at the same
    /// time one is told, because the token of the other would be worth nothing.
    pub(crate) fn strengthen_session(
        &self,
        session: &Session,
        before: &SecretHash,
    ) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(session_item(session)?))
            .condition_expression("active = :yes AND secret = :before")
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":before", bytes(before.as_bytes()));
        Ok(TransactWriteItem::builder().put(put.build().map_err(incomplete)?).build())
    }

    fn end_session(&self, identity: Uuid, session: Uuid) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(session_key(identity, session)))
            .update_expression("SET active = :no")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":no", AttributeValue::Bool(false));
        Ok(TransactWriteItem::builder().update(update.build().map_err(incomplete)?).build())
    }

    /// Stores a session that has ended, even one that is gone: unlike an update with a condition this cannot fail the
    /// transaction that it is part of.
    pub(crate) fn put_ended_session(&self, session: &Session) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(&self.table).set_item(Some(session_item(session)?));
        Ok(TransactWriteItem::builder().put(put.build().map_err(incomplete)?).build())
    }

    pub(crate) fn delete_session(&self, identity: Uuid, session: Uuid) -> Result<TransactWriteItem, StoreError> {
        self.delete_key(session_key(identity, session))
    }

    /// Deletes an item, whether or not it is there.
    pub(crate) fn delete_key(&self, key: Item) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder().table_name(&self.table).set_key(Some(key));
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(incomplete)?).build())
    }
}

fn session_key(identity: Uuid, session: Uuid) -> Item {
    key(identity.to_string(), Some(&format!("session#{session}")))
}

fn read_id(item: &Item, name: &str) -> Result<Uuid, StoreError> {
    Uuid::parse_str(string(item, name)?).map_err(|_| crate::item::broken(name))
}

fn session_item(session: &Session) -> Result<Item, StoreError> {
    let mut item = session_key(session.identity, session.id);
    item.extend([
        ("v".to_owned(), n(FORMAT)),
        ("doc".to_owned(), doc(&session.facts)?),
        ("session_id".to_owned(), s(session.id.to_string())),
        ("active".to_owned(), AttributeValue::Bool(session.active)),
        ("secret".to_owned(), bytes(session.secrets.current().as_bytes())),
        ("ends".to_owned(), instant(session.expires_at)),
        ("ttl".to_owned(), ttl(session.expires_at + REMEMBERED)),
    ]);
    if let Some((hash, until)) = session.secrets.previous() {
        item.insert("prev".to_owned(), bytes(hash.as_bytes()));
        item.insert("prev_ends".to_owned(), instant(*until));
    }
    Ok(item)
}

pub(crate) fn read_session(item: &Item) -> Result<Session, StoreError> {
    let hash = |name: &str| read_bytes(item, name).and_then(SecretHash::from_slice);
    let previous = match hash("prev") {
        Some(old) => Some((old, read_instant(item, "prev_ends")?)),
        None => None,
    };
    Ok(Session {
        id: read_id(item, "session_id")?,
        identity: read_id(item, "pk")?,
        active: flag(item, "active"),
        secrets: Secrets::stored(hash("secret").ok_or_else(|| crate::item::broken("secret"))?, previous),
        expires_at: read_instant(item, "ends")?,
        facts: read_doc(item)?,
    })
}
