//! Messages to people: how they are worded ([`templates`]) and how they leave ([`channels`]).
//!
//! The courier opens a payload, renders it and hands it to a channel. Whether a message is tried again is for it to decide; a
//! channel only says whether that could help. No error holds a code, a body or an address: errors are kept and shown.

pub mod channels;
pub mod fetch;
pub mod language;
pub mod templates;

mod aws;
mod gotmpl;
mod http_channel;
mod inbox;
mod jsonnet;
mod mail;
mod smtp;

pub use channels::{DeliveryChannels, SendError};
pub use templates::{Rendered, TemplateError, Templates};

/// Reads what a configuration says of messages, templates and the bodies of channels, and tries it.
///
/// # Errors
/// What is not usable, with its file or key and the line.
pub fn check(config: &latchkey_config::Courier) -> Result<(), TemplateError> {
    Templates::new(config)?;
    for body in [&config.email, &config.sms].into_iter().flatten().filter_map(|channel| channel.body.as_ref()) {
        jsonnet::Jsonnet::new(&body.source, &body.text).map_err(TemplateError)?;
    }
    Ok(())
}
