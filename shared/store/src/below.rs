//! What lies beside a person's profile, sessions and known devices: all of it goes with the person, whether or not it can be read.

use crate::accounts::{Accounts, PROFILE};
use crate::db::{StoreError, send};
use crate::flows::incomplete;
use crate::item::{Item, key, s, string};
use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};
use uuid::Uuid;

/// Most items of a transaction of DynamoDB.
const MOST_AT_ONCE: usize = 100;

impl Accounts {
    /// The parts of a deletion's transaction, at most `room`, that delete what lies beside a profile. What is more than that is
    /// deleted at once: as long as anything is left, so is the person, and the deletion can be repeated.
    pub(crate) async fn delete_below(
        &self,
        id: Uuid,
        room: usize,
        request: Uuid,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let mut deletes = Vec::new();
        for key in self.keys_below(id).await? {
            let delete = Delete::builder().table_name(self.table()).set_key(Some(key)).build().map_err(incomplete)?;
            deletes.push(TransactWriteItem::builder().delete(delete).build());
        }
        let last = deletes.split_off(deletes.len().saturating_sub(room));
        // Each transaction is a request of its own, and the deletion's are numbered from `request`.
        let mut token = !request.as_u128();
        for chunk in deletes.chunks(MOST_AT_ONCE) {
            token = token.wrapping_add(1);
            // Deleting what is gone has no condition that could fail.
            let _ = self.db().transact(chunk.to_vec(), Uuid::from_u128(token)).await?;
        }
        Ok(last)
    }

    async fn keys_below(&self, id: Uuid) -> Result<Vec<Item>, StoreError> {
        let (mut keys, mut from) = (Vec::new(), None);
        loop {
            let call = self
                .db()
                .client()
                .await
                .query()
                .table_name(self.table())
                .consistent_read(true)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", s(id.to_string()))
                .projection_expression("pk, sk")
                .set_exclusive_start_key(from)
                .send();
            let page = send("Query account", call).await?;
            for item in page.items.unwrap_or_default() {
                let name = string(&item, "sk")?;
                if name != PROFILE {
                    keys.push(key(id.to_string(), Some(name)));
                }
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(keys);
            }
        }
    }
}
