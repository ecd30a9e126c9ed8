//! Sessions: reading, revoking, prolonging, and the parts of a transaction that store them.

use super::devices::DEVICE;
use super::profile::{Profile, profile_key, read_profile};
use super::{Accounts, PROFILE, read_id};
use crate::db::{StoreError, update_if};
use crate::item::{
    FORMAT, Item, broken, bytes, doc, flag, incomplete, instant, key, n, read_bytes, read_doc, read_instant, s, string,
    ttl,
};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use latchkey_core::session::{REMEMBERED, Secrets, Session};
use latchkey_core::token::{Presented, SecretHash};
use time::OffsetDateTime;
use uuid::Uuid;

impl Accounts {
    /// Reads the session that a client presents, with its identity. The caller decides whether the secret fits. A session whose
    /// identity was deleted is not returned.
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

    /// Reads one session of an identity.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn session_of(&self, identity: Uuid, session: Uuid) -> Result<Option<(Session, Profile)>, StoreError> {
        Self::pick_session(&self.db.get_many(&self.table, &Self::session_keys(identity, session)).await?)
    }

    /// Revokes a session of an identity; true when there is such a session, whether or not it was revoked before.
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
            .expression_attribute_values(":no", AttributeValue::Bool(false));
        update_if("UpdateItem revoke", call).await.map(|done| done.is_some())
    }

    /// Revokes these sessions of an identity, in transactions of up to 100. Sessions that were deleted are left out.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn revoke_all(&self, identity: Uuid, sessions: &[Uuid], request: Uuid) -> Result<(), StoreError> {
        self.in_chunks(sessions, request, |&id| self.end_session(identity, id)).await
    }

    /// Deletes these sessions of an identity, in transactions of up to 100.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_sessions(&self, identity: Uuid, sessions: &[Uuid], request: Uuid) -> Result<(), StoreError> {
        self.in_chunks(sessions, request, |&id| self.delete_session(identity, id)).await
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
            .expression_attribute_values(":yes", AttributeValue::Bool(true));
        update_if("UpdateItem extend", call).await.map(|done| done.is_some())
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
            .expression_attribute_values(":secret", bytes(session.secrets.current().as_bytes()));
        update_if("UpdateItem forget", call).await.map(drop)
    }

    pub(crate) fn put_new_session(&self, session: &Session) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(session_item(session)?))
            .condition_expression("attribute_not_exists(pk)");
        Ok(TransactWriteItem::builder().put(put.build().map_err(incomplete)?).build())
    }

    /// Replaces a live session by its stepped-up form. A revoked one stays revoked. Of two logins that step it up at the same time
    /// one loses, because its token would be worth nothing.
    pub(crate) fn step_up_session(
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
}

fn session_key(identity: Uuid, session: Uuid) -> Item {
    key(identity.to_string(), Some(&format!("session#{session}")))
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
        secrets: Secrets::stored(hash("secret").ok_or_else(|| broken("secret"))?, previous),
        expires_at: read_instant(item, "ends")?,
        facts: read_doc(item)?,
    })
}
