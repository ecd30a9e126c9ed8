//! HTTP calls to addresses that a configuration names: HTTP channels of the courier, templates at URLs, the look-up of leaked
//! passwords, later web hooks and providers.
//!
//! An administrator who names an address must not make a function call what only the function can reach. So there is one
//! [`Client`]: it [judges addresses](guard) when it connects and again at each redirect, and bounds the time of a call and the size of
//! its answer. No other crate builds a client, and a test of the project looks for one.
//!
//! | file | holds |
//! |---|---|
//! | `client` | the client, its answers and failures |
//! | `guard` | the judgement of addresses |
//! | `endpoint` | a request that a configuration describes, with its authentication |
//! | `retry` | attempts with a back-off between them |
//! | `allow_list` | the headers of a client's request that may be handed on |

pub mod guard;

mod allow_list;
mod client;
mod endpoint;
mod retry;
#[cfg(test)]
mod test_server;

pub use allow_list::allowed_headers;
pub use client::{Answer, Client, Failure, Raw, Reach, Roots, Times, raw};
pub use endpoint::{Auth, Endpoint, InvalidEndpoint, Request};
pub use retry::Retries;
