//! The domain of the login system, pure: values in, values out.
//!
//! Nothing here talks to AWS, parses an HTTP header, reads a clock or draws a random number: `now` and random bytes are
//! arguments. That is what makes every rule of the wire contract testable as a plain function.
//!
//! | module | holds |
//! |---|---|
//! | [`init`], [`flow`] | how a login flow begins, its facts, and its public JSON |
//! | [`form`], [`message`] | the form a client renders: nodes, their order, and the texts shown on them |
//! | [`identity`], [`session`], [`aal`] | people, their sessions, and how strongly a session was authenticated |
//! | [`token`], [`csrf`] | what a client holds to prove a session or to prove that a form is its own |
//! | [`return_to`] | where a browser may be sent |
//! | [`agent`] | what a client says it is, in words |
//! | [`bounds`] | how deep, how long, how many: what comes in is bounded before it is kept |
//! | [`rate_limit`], [`known_device`] | how often something was tried, how long to wait, and which devices are counted for themselves |
//! | [`code`] | one-time codes: made, kept and checked |
//! | [`courier`], [`recipient`] | messages to people: what is to be said to whom, and to which addresses |
//! | [`error`] | the error envelope |
//! | [`text`] | text files as programs write them |
//! | [`paging`] | page links of the lists that count pages |

pub mod aal;
pub mod agent;
pub mod bounds;
pub mod code;
pub mod courier;
pub mod csrf;
pub mod error;
pub mod flow;
pub mod form;
pub mod identity;
pub mod init;
pub mod known_device;
pub mod message;
pub mod method;
pub mod paging;
pub mod rate_limit;
pub mod recipient;
pub mod return_to;
pub mod roll;
pub mod session;
pub mod text;
pub mod token;
pub mod url;
pub mod wire;

mod base62;
