//! Identities by id order, and sessions by id. Indexes lag behind by moments, so what one names is read again by key.

use super::{Accounts, read_id};
use crate::db::{StoreError, pages, send};
use crate::item::{SHARDS, s};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::Select;
use futures_util::TryStreamExt as _;
use uuid::Uuid;

impl Accounts {
    /// Finds the identity of a session. The index lags behind by moments, so the caller reads the session again by key.
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

    /// Ids of identities after `after` in id order, at most `most`, from the index of profiles.
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

    /// How many identities there are.
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

    /// A query for the ids of identities that begin with a digit.
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
}
