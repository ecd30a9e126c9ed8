//! Latchkey on one machine: the functions, tables and routes of `template.yaml` without AWS.
//!
//! | module | holds |
//! |---|---|
//! | [`stack`] | the whole of it: ports, configuration, store, functions |
//! | [`template`] | what `template.yaml` says, and which route the gateway picks |
//! | [`gateway`], [`event`] | HTTP in, API Gateway's events out, and what the gateway answers by itself |
//! | [`functions`], [`processes`] | the functions, linked into this program or each a process behind a Runtime API |
//! | [`reload`], [`locate`] | a changed configuration file takes effect, or its errors are reported with key and line |
//! | [`guard`] | refuses requests of other sites' pages, under other names, or signed with an unknown key |
//! | [`check`], [`console`] | the report on a configuration before it is used; the log as a developer reads it |
//! | [`store`] | DynamoDB's API on a local port |
//! | [`stream`], [`queue`] | event sources of functions: changes of a table, queued messages that are due |
//! | [`secret`] | the secret with which the courier opens messages |
//! | [`cli`] | the commands that speak to a stack, here or deployed |
//! | [`demo`] | an identity to sign in as |
//! | [`inbox`] | the messages that were sent, and a page that shows them |

pub mod check;
pub mod cli;
pub mod console;
pub mod demo;
mod dynamodb;
pub mod event;
pub mod functions;
pub mod gateway;
pub mod guard;
pub mod inbox;
pub mod locate;
pub mod processes;
pub mod queue;
pub mod reload;
pub mod secret;
pub mod stack;
pub mod store;
pub mod stream;
pub mod template;

pub use stack::{Options, Ports, Stack};
