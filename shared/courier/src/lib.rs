//! Messages to people: how they are worded ([`templates`]) and how they leave ([`carriers`]).
//!
//! The courier opens a letter, renders it and hands it to a carrier. Whether a message is tried again is for it to decide; a
//! carrier only says whether that could help. No error holds a code, a body or an address: errors are kept and shown.

pub mod carriers;
pub mod language;
pub mod recipient;
pub mod templates;

mod aws;
mod gotmpl;
mod http_channel;
mod inbox;
mod jsonnet;
mod network;
mod smtp;

pub use carriers::{Carriers, SendError};
pub use templates::{Rendered, TemplateError, Templates};
