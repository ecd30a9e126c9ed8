//! Latchkey on one machine: the functions, tables and routes of `template.yaml` without AWS.
//!
//! | module | holds |
//! |---|---|
//! | [`stack`] | the whole of it: ports, configuration, store, functions |
//! | [`template`] | what `template.yaml` says, and which route the gateway picks |
//! | [`gateway`], [`event`] | HTTP in, API Gateway's events out, and what the gateway answers by itself |
//! | [`functions`], [`processes`] | the functions, linked into this program or each a process behind a Runtime API |
//! | [`reload`], [`locate`] | a configuration file that changes takes effect, or is told with key and line |
//! | [`guard`] | who may ask what listens here: no page of another site, no other name, no unknown key |
//! | [`check`], [`console`] | what a configuration is told before it is used; what a developer reads while the stack runs |
//! | [`store`] | DynamoDB's API on a local port |
//! | [`stream`], [`queue`] | what Lambda brings to functions without anybody asking: changes of a table, messages that are due |
//! | [`secret`] | what the courier opens messages with |
//! | [`cli`] | the commands that speak to a stack, here or deployed |
//! | [`demo`] | somebody to sign in as |
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
