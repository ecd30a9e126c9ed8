//! The `accounts` table: the profile of an identity with its sessions and known devices beside it, one item collection per identity.
//!
//! | module | holds |
//! |---|---|
//! | [`profile`] | profiles, and every precondition under which one is written |
//! | [`session`] | sessions |
//! | [`devices`] | known devices |
//! | [`collection`] | everything of an identity in one query |
//! | [`directory`] | identities by id order, sessions by id |
//! | `below` | deleting what lies beside a profile |

mod below;
pub mod collection;
pub mod devices;
pub mod directory;
pub mod profile;
pub mod session;

pub use collection::Collection;
pub use profile::Profile;

use crate::db::{Db, MOST_IN_TRANSACTION, StoreError};
use crate::item::{Item, broken, incomplete, key, string};
use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};
use latchkey_platform::{Environment, StartError};
use uuid::Uuid;

pub(crate) const PROFILE: &str = "profile";

/// A handle for the `accounts` table.
#[derive(Clone, Debug)]
pub struct Accounts {
    db: Db,
    table: String,
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

    /// The connection, for transactions over several tables.
    pub fn db(&self) -> &Db {
        &self.db
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// Opens the first connection before the first request comes.
    pub fn warm(&self) {
        self.db.warm_by_batch(&self.table, key("warm", Some(PROFILE)));
    }

    /// Writes an action for each of these, in transactions of as many as fit. Their requests are numbered from the one after `request`.
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
                    // Nothing was written, because some items are gone. The others are written without them.
                    Err(cancelled) => {
                        let there = rest.iter().enumerate().filter(|(place, _)| !cancelled.failed(*place));
                        rest = there.map(|(_, &one)| one).collect();
                    }
                }
            }
        }
        Ok(())
    }

    /// Deletes an item, whether or not it is there.
    pub(crate) fn delete_key(&self, key: Item) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder().table_name(&self.table).set_key(Some(key));
        Ok(TransactWriteItem::builder().delete(delete.build().map_err(incomplete)?).build())
    }
}

pub(crate) fn read_id(item: &Item, name: &str) -> Result<Uuid, StoreError> {
    Uuid::parse_str(string(item, name)?).map_err(|_| broken(name))
}
