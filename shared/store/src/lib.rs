//! DynamoDB: one module per table, every access pattern a named function, every condition expression in one place.
//!
//! | module | holds |
//! |---|---|
//! | [`flows`] | login flows, stored errors, session token exchanges |
//! | [`accounts`] | people's profiles and their sessions |
//! | [`credentials`] | secrets, and the guards that make an identifier unique |
//! | [`login`] | what a submission reads in one trip and writes in one transaction |
//! | [`counters`] | how often something was tried of late |
//! | [`devices`] | devices on which an identity has signed in |
//! | [`outbox`], [`claim`], [`listing`], [`place`] | queued messages, their claims and outcomes, and lists of them |
//! | [`erasure`] | the deletion of messages to an address that its identity gave up |
//! | [`suppression`] | the suppression list: addresses that get no mail |
//! | [`people`] | what administrators change: a person with credentials and guards, in one transaction |
//! | [`db`] | the client, how failures are told apart and what is tried again |
//!
//! A function holds handles only for the tables it may touch; its policy in the template says the same. Every read that
//! decides is strongly consistent. Every item carries the version of its format in `v`. `ttl` only cleans up: whether
//! something is over is decided by comparing times.

pub mod accounts;
pub mod claim;
pub mod counters;
pub mod credentials;
pub mod db;
pub mod devices;
pub mod erasure;
pub mod flows;
pub mod listing;
pub mod login;
pub mod outbox;
pub mod people;
pub mod place;
pub mod suppression;

mod below;
mod item;
mod profile;
mod remains;

pub use accounts::Accounts;
pub use counters::Counters;
pub use credentials::Credentials;
pub use db::{Db, StoreError};
pub use flows::Flows;
pub use outbox::Outbox;
pub use suppression::SuppressionList;
