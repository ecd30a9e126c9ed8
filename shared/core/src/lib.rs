//! The domain of the login system, pure: values in, values out.
//!
//! Nothing here talks to AWS, parses an HTTP header, reads a clock or draws a random number: `now` and random bytes are
//! arguments. That is what makes every rule of the wire contract testable as a plain function.
//!
//! | module | holds |
//! |---|---|
//! | [`flow`] | flows: how one begins, its facts, its public JSON; one file per flow |
//! | [`form`] | the form a client renders: its stored facts, its nodes, their order |
//! | [`message`] | the texts shown on it, by id |
//! | [`method`] | the only list of methods |
//! | [`identity`], [`session`], [`aal`] | identities, their sessions, and how strongly a session was authenticated |
//! | [`token`], [`csrf`] | what a client holds to prove a session, or to prove that a form is its own |
//! | [`return_to`], [`url`] | where a browser may be sent, and how URLs are put together |
//! | [`payload`] | a submission as flat fields |
//! | [`bounds`] | the bounds of all input that is stored: depth, length and number |
//! | [`rate_limit`], [`known_device`] | what is counted, how long a client waits, and which devices have counters of their own |
//! | [`code`] | one-time codes: made, kept and checked |
//! | [`courier`], [`recipient`] | messages: what they say, and to which addresses they may go |
//! | [`hook`], [`continue_with`] | what happens around a flow, and what a client does after it |
//! | [`error`] | the error envelope |
//! | [`agent`] | the browser and the system that a client names |
//! | [`text`], [`wire`] | text files as programs write them, values as the wire has them |
//! | [`paging`] | page links of the lists that count pages |

pub mod aal;
pub mod agent;
pub mod bounds;
pub mod code;
pub mod continue_with;
pub mod courier;
pub mod csrf;
pub mod error;
pub mod flow;
pub mod form;
pub mod hook;
pub mod identity;
pub mod known_device;
pub mod message;
pub mod method;
pub mod paging;
pub mod payload;
pub mod rate_limit;
pub mod recipient;
pub mod return_to;
pub mod session;
pub mod text;
pub mod token;
pub mod url;
pub mod wire;

mod base62;
