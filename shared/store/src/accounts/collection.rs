//! Everything of an identity in one query.

use super::devices::{DEVICE, read_device};
use super::profile::{Profile, read_profile};
use super::session::read_session;
use super::{Accounts, PROFILE};
use crate::db::{StoreError, pages};
use crate::item::{s, string};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use futures_util::TryStreamExt as _;
use latchkey_core::known_device::DeviceRecord;
use latchkey_core::session::Session;
use latchkey_platform::meter;
use uuid::Uuid;

/// Everything that is stored under the key of an identity.
#[derive(Clone, Debug, Default)]
pub struct Collection {
    /// The identity, unless it was deleted.
    pub profile: Option<Profile>,
    /// Its sessions, ended ones too.
    pub sessions: Vec<Session>,
    /// The devices on which its user has signed in.
    pub devices: Vec<DeviceRecord>,
}

impl Accounts {
    /// Reads an identity with every session of it, ended ones too.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn everything_of(&self, id: Uuid) -> Result<(Option<Profile>, Vec<Session>), StoreError> {
        let all = self.collection_of(id).await?;
        Ok((all.profile, all.sessions))
    }

    /// Reads everything that is stored under the key of an identity.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn collection_of(&self, id: Uuid) -> Result<Collection, StoreError> {
        self.collection("Query account", id, None).await
    }

    /// Reads every session of an identity, ended ones too.
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
                    // A record that cannot be read is left out: its device counts as unknown.
                    name if name.starts_with(DEVICE) => all.devices.extend(read_device(&item)),
                    // A session that cannot be read is left out and logged, so the client still gets the others.
                    sk => match read_session(&item) {
                        Ok(session) => all.sessions.push(session),
                        Err(_) => meter::unreadable("accounts", &format!("{id} {sk}")),
                    },
                }
            }
        }
        Ok(all)
    }

    /// A query for everything under the key of an identity.
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
}
