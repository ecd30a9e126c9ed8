//! Who takes a message over: the inbox of a machine that people develop on, so far.
//!
//! A carrier is chosen once, when the courier starts.

use crate::inbox::Inbox;
use crate::recipient;
use crate::templates::Rendered;
use latchkey_config::{Config, Secrets};
use latchkey_core::courier::{Letter, Outgoing};
use latchkey_store::{Environment, StartError};

/// A message was not taken over. The texts are kept and shown to administrators: they hold no code, no body, no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Not now: another try may help.
    #[error("{0}")]
    Retry(String),
    /// Never: this message will not be taken over however often it is tried.
    #[error("{0}")]
    Refused(String),
}

/// The carriers of e-mail and of text messages.
pub struct Carriers {
    inbox: Option<Inbox>,
}

impl Carriers {
    /// Gets the carriers ready that the configuration, its secrets and the environment name.
    ///
    /// `LATCHKEY_INBOX_URL` names where messages go that nothing else was configured for.
    ///
    /// # Errors
    /// Names the key or variable that is not usable.
    pub fn new(_config: &Config, _secrets: &Secrets, env: &Environment) -> Result<Self, StartError> {
        let inbox = env.get("LATCHKEY_INBOX_URL").map(Inbox::new).transpose()?;
        Ok(Self { inbox })
    }

    /// Hands a message over.
    ///
    /// # Errors
    /// Whether another try may help, and why it failed.
    pub async fn send(&self, outgoing: &Outgoing, _letter: &Letter, rendered: &Rendered) -> Result<(), SendError> {
        recipient::check(outgoing).map_err(|why| SendError::Refused(why.to_owned()))?;
        match &self.inbox {
            Some(inbox) => inbox.send(outgoing, rendered).await,
            None => Err(SendError::Refused(format!("nothing is configured that sends by {}", outgoing.via.as_str()))),
        }
    }
}
