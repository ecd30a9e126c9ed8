//! Messages to users: what a message says, to whom it goes, and how far it has come.
//!
//! | file | holds |
//! |---|---|
//! | `content` | what messages say, by flow, and the table of facts about each kind |
//! | `queued` | a message as it is stored, its status and its attempts |
//! | `payload` | the sealed part of a message, in the formats of this release and of the one before |
//!
//! A flow writes a [`QueuedMessage`] and a sealed [`MessagePayload`] in the transaction that moves it. The courier opens, renders and
//! sends it.

mod content;
mod payload;
mod queued;

pub use content::{Code, Content, TemplateType};
pub use payload::{MessagePayload, MessagePayloadV0, Requester};
pub use queued::{CodeRequest, Dispatch, MessageStatus, QueuedMessage, redact};
