//! The queue in which messages wait for their next attempt, and the dead-letter queue, whose messages an administrator has to look at.

use crate::event::Body;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use latchkey_platform::{Environment, StartError, aws_client};
use serde_json::Value;
use std::time::Duration;

/// Longest delay that a queue takes.
const LONGEST: Duration = Duration::from_secs(900);

/// The two queues.
pub(crate) struct Queues {
    client: Client,
    delayed: String,
    dead: String,
}

impl Queues {
    /// The queues named by `LATCHKEY_QUEUE` and `LATCHKEY_DEAD_LETTERS`.
    ///
    /// # Errors
    /// When a variable is missing.
    pub(crate) fn open(env: &Environment) -> Result<Self, StartError> {
        let (each, all) = (Duration::from_secs(2), Duration::from_secs(5));
        let client = aws_client!(aws_sdk_sqs, env, "AWS_ENDPOINT_URL_SQS", None, tries: 3, each: each, all: all)?;
        Ok(Self {
            client,
            delayed: env.require("LATCHKEY_QUEUE", "the URL of the queue of delayed messages")?.to_owned(),
            dead: env.require("LATCHKEY_DEAD_LETTERS", "the URL of the queue of dead letters")?.to_owned(),
        })
    }

    /// Puts an errand off.
    ///
    /// # Errors
    /// What the log may say of it.
    pub(crate) async fn later(&self, errand: &Body, delay: Duration) -> Result<(), String> {
        let body = serde_json::to_string(errand).map_err(|e| e.to_string())?;
        self.put(&self.delayed, body, delay).await
    }

    /// Puts something where an alarm says that it is there.
    ///
    /// # Errors
    /// What the log may say of it.
    pub(crate) async fn dead_letter(&self, what: &Value) -> Result<(), String> {
        self.put(&self.dead, what.to_string(), Duration::ZERO).await
    }

    async fn put(&self, queue: &str, body: String, delay: Duration) -> Result<(), String> {
        // At most 900. Never too early.
        let seconds = delay.min(LONGEST).as_secs_f64().ceil() as i32;
        let call = self.client.send_message().queue_url(queue).message_body(body).delay_seconds(seconds).send();
        match Box::pin(call).await {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("the queue: {}", error.code().unwrap_or("no answer"))),
        }
    }
}
