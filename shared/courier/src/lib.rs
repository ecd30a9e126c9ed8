//! Messages to users: how they are worded ([`templates`]) and how they leave ([`channels`]).
//!
//! The courier opens a message, renders it and hands it to a delivery channel. The channel says whether another attempt could
//! succeed; the courier decides whether to make one. No error holds a code, a body or an address: errors are stored and shown.

pub mod channels;
pub mod fetch;
pub mod language;
pub mod templates;

mod aws;
mod example;
mod gotmpl;
mod http_channel;
mod inbox;
mod mail;
mod send_error;
mod smtp;
mod values;

pub use channels::DeliveryChannels;
pub use example::example;
pub use send_error::SendError;
pub use templates::{Rendered, TemplateError, Templates};

use latchkey_jsonnet::{Budget, Jsonnet};

/// Reads the templates of a configuration and the Jsonnet of its HTTP channels, and tries the templates.
///
/// # Errors
/// What is not usable, with its file or key and the line.
pub fn check(config: &latchkey_config::Courier) -> Result<(), TemplateError> {
    Templates::new(config)?;
    for body in [&config.email, &config.sms].into_iter().flatten().filter_map(|channel| channel.body.as_ref()) {
        Jsonnet::parse(&body.source, &body.text, Budget::default()).map_err(|e| TemplateError(e.to_string()))?;
    }
    Ok(())
}
