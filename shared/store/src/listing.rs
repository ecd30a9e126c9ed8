//! The list of messages, page by page, newest first.

use crate::db::{StoreError, send};
use crate::item::{Item, SHARDS, broken, key, s, string};
use crate::outbox::{Outbox, Stored, read_stored};
use crate::place::Place;
use futures_util::future::try_join_all;
use latchkey_core::courier::MessageStatus;
use std::collections::HashMap;

/// Most keys that one list looks at; a filter that fits few of many gives short pages instead of slow ones.
const MOST_KEYS: usize = 2000;

/// Which messages are asked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those that have come this far.
    pub status: Option<MessageStatus>,
    /// Those to this address.
    pub recipient: Option<String>,
}

impl Outbox {
    /// Messages after a place, newest first, at most `most`; and the place where the next page begins, if there is one. A page may
    /// be short, even empty, when few of many messages fit the filter.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(
        &self,
        filter: &Filter,
        after: &Place,
        most: usize,
    ) -> Result<(Vec<Stored>, Option<Place>), StoreError> {
        let (mut found, mut place, mut looked_at) = (Vec::new(), after.clone(), 0);
        loop {
            // One more than is missing tells whether there is more.
            let wanted = most - found.len() + 1;
            let places = self.places(filter, &place, wanted).await?;
            let last_round = places.len() < wanted;
            looked_at += places.len();
            let Some(last) = places.last() else { return Ok((found, None)) };
            let end = last.clone();
            for stored in self.read_again(&places).await? {
                let fits = filter.status.is_none_or(|status| stored.status == status)
                    && filter.recipient.as_ref().is_none_or(|recipient| stored.message.recipient == *recipient);
                if !fits {
                    continue;
                }
                if found.len() == most {
                    return Ok((found, Some(place)));
                }
                place = Place::of(&stored.message);
                found.push(stored);
            }
            if last_round {
                return Ok((found, None));
            }
            place = end;
            if looked_at >= MOST_KEYS {
                return Ok((found, Some(place)));
            }
        }
    }

    /// Places after one, newest first, at most `most`, from the index that fits the filter best.
    async fn places(&self, filter: &Filter, after: &Place, most: usize) -> Result<Vec<Place>, StoreError> {
        let sharded = |index, name| SHARDS.chars().map(|shard| (index, name, shard.to_string())).collect();
        let parts: Vec<(&str, &str, String)> = match filter {
            Filter { recipient: Some(recipient), .. } => vec![("by-recipient", "recipient", recipient.clone())],
            Filter { status: Some(MessageStatus::Sent) | None, .. } => sharded("by-shard", "shard"),
            Filter { status: Some(_), .. } => sharded("by-unsent", "unsent"),
        };
        let client = self.db().client().await;
        let queries = parts.into_iter().map(async |(index, name, value)| {
            let call = client
                .query()
                .table_name(self.table())
                .index_name(index)
                .key_condition_expression("#part = :part AND written < :after")
                .expression_attribute_names("#part", name)
                .expression_attribute_values(":part", s(value))
                .expression_attribute_values(":after", s(after.as_str()))
                .scan_index_forward(false)
                // Bounded by the caller to 501.
                .limit(most as i32)
                .send();
            Ok::<_, StoreError>(send("Query messages", call).await?.items.unwrap_or_default())
        });
        let pages = try_join_all(queries).await?;
        let read = |item: &Item| Place::parse(string(item, "written")?).ok_or_else(|| broken("written"));
        let mut places = pages.iter().flatten().map(read).collect::<Result<Vec<_>, _>>()?;
        places.sort_unstable_by(|a, b| b.cmp(a));
        places.truncate(most);
        Ok(places)
    }

    /// What stands at these places now, in their order. Messages that are gone are left out.
    async fn read_again(&self, places: &[Place]) -> Result<Vec<Stored>, StoreError> {
        let keys: Vec<Item> = places.iter().map(|place| key(place.id(), None)).collect();
        let items = self.db().get_many(self.table(), &keys).await?;
        // One that cannot be read must not hide all others; asked for by its id it is an error.
        let stored = items.iter().filter_map(|item| read_stored(item).ok());
        let mut found: HashMap<_, _> = stored.map(|stored| (Place::of(&stored.message), stored)).collect();
        Ok(places.iter().filter_map(|place| found.remove(place)).collect())
    }
}
