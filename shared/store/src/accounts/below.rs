//! The items beside the profile of an identity: sessions and known devices. A deletion removes all of them with the identity, those
//! that cannot be read too.

use super::{Accounts, PROFILE};
use crate::db::{StoreError, pages};
use crate::item::{Item, key, string};
use aws_sdk_dynamodb::types::TransactWriteItem;
use futures_util::TryStreamExt as _;
use uuid::Uuid;

impl Accounts {
    /// The parts of a deletion's transaction, at most `room`, that delete the items beside a profile. This call itself deletes the
    /// items beyond `room`. The identity goes last, so an administrator can repeat a deletion that was interrupted.
    pub(crate) async fn delete_below(
        &self,
        id: Uuid,
        room: usize,
        request: Uuid,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let mut keys = self.keys_below(id).await?;
        let last = keys.split_off(keys.len().saturating_sub(room));
        // The deletion's own requests are numbered from `request`.
        let request = Uuid::from_u128(!request.as_u128());
        self.in_chunks(&keys, request, |key| self.delete_key(key.clone())).await?;
        last.into_iter().map(|key| self.delete_key(key)).collect()
    }

    async fn keys_below(&self, id: Uuid) -> Result<Vec<Item>, StoreError> {
        let mut keys = Vec::new();
        let mut pages = pages("Query account", self.query_below(id).await.projection_expression("pk, sk"));
        while let Some(page) = pages.try_next().await? {
            for item in page.items.unwrap_or_default() {
                let name = string(&item, "sk")?;
                if name != PROFILE {
                    keys.push(key(id.to_string(), Some(name)));
                }
            }
        }
        Ok(keys)
    }
}
