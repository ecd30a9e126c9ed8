//! Places of messages in lists: their time and id.

use crate::item::s;
use aws_sdk_dynamodb::types::AttributeValue;
use latchkey_core::courier::QueuedMessage;
use time::OffsetDateTime;
use uuid::Uuid;

/// A place in the list of messages: what follows is older.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(String);

impl Place {
    /// Before the newest message.
    pub fn top() -> Self {
        Self(format!("{}#{}", "9".repeat(20), Uuid::max()))
    }

    /// Reads a place as [`Place::as_str`] writes it; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (at, id) = text.split_once('#')?;
        let right =
            at.len() == 20 && at.bytes().all(|b| b.is_ascii_digit()) && id.len() == 36 && Uuid::try_parse(id).is_ok();
        right.then(|| Self(text.to_owned()))
    }

    /// The id in it.
    pub(crate) fn id(&self) -> &str {
        self.0.split_once('#').map_or("", |(_, id)| id)
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn of(message: &QueuedMessage) -> Self {
        Self::new(message.created_at, message.id)
    }

    pub(crate) fn new(written_at: OffsetDateTime, id: Uuid) -> Self {
        Self(format!("{:020}#{id}", written_at.unix_timestamp_nanos()))
    }

    /// Before everything that was written from then on.
    pub(crate) fn at(time: OffsetDateTime) -> Self {
        Self(format!("{:020}#", time.unix_timestamp_nanos()))
    }
}

/// The attributes that put an item into the index of items that the courier still has to handle (`by-unsent`).
pub(crate) fn unsent(written_at: OffsetDateTime, id: Uuid) -> [(String, AttributeValue); 2] {
    let shard = s(&id.to_string()[..1]);
    [("written".to_owned(), s(Place::new(written_at, id).as_str())), ("unsent".to_owned(), shard)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_is_a_time_and_an_id() {
        let id = Uuid::from_u128(7);
        let at = |second| format!("{:020}#{id}", second * 1_000_000_000_u64);
        assert!(Place::parse(&at(1)).unwrap() < Place::parse(&at(2)).unwrap());
        assert!(Place::parse(&at(u64::from(u32::MAX))).unwrap() < Place::top());
        assert_eq!(Place::parse(Place::top().as_str()), Some(Place::top()));
        for rubbish in ["", "#", "1#1", &at(1)[1..], &format!("{}x", at(1)), "9999999999999999999é#"] {
            assert_eq!(Place::parse(rubbish), None, "{rubbish:?}");
        }
    }
}
