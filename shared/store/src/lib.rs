//! DynamoDB: one module per table, every access pattern a named function, every condition expression in one place.
//!
//! | module | holds |
//! |---|---|
//! | [`flows`] | flows, stored errors, session token exchanges, continuities |
//! | [`accounts`] | profiles of identities, their sessions and known devices |
//! | [`credentials`] | secrets, and the guards that make an identifier unique |
//! | [`submission`] | what a submission reads in one call |
//! | [`commit`] | one transaction, put together from named parts, that loses to named conflicts |
//! | [`counters`] | how often something was tried of late |
//! | [`outbox`], [`claim`], [`listing`], [`place`] | queued messages, their claims and outcomes, and lists of them |
//! | [`erasure`] | the deletion of messages to an address that its identity gave up |
//! | [`suppression`] | the suppression list: addresses that get no mail |
//! | [`identities`] | what administrators change: an identity with credentials and guards, in one transaction |
//! | [`db`] | the client, how failures are told apart and what is tried again |
//!
//! A function holds handles only for the tables it may touch; its policy in the template says the same. Every read that
//! decides is strongly consistent. Every item carries the version of its format in `v`. `ttl` only cleans up: whether
//! something is over is decided by comparing times.

pub mod accounts;
pub mod claim;
pub mod commit;
pub mod counters;
pub mod credentials;
pub mod db;
pub mod erasure;
pub mod error;
pub mod flows;
pub mod identities;
pub mod listing;
pub mod outbox;
pub mod place;
pub mod submission;
pub mod suppression;

mod item;
mod remains;

pub use accounts::Accounts;
pub use commit::{Commit, Conflict};
pub use counters::Counters;
pub use credentials::Credentials;
pub use db::{Db, StoreError};
pub use flows::Flows;
pub use outbox::Outbox;
pub use suppression::SuppressionList;
