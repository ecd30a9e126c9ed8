//! Sends messages: the stream of the outbox says that there is one, or the queue that one is due again.
//!
//! Each record is a task of its own. The courier puts a message that failed into the queue with a delay, and its record is complete,
//! so no other record waits behind it. A record that cannot be read goes to the dead-letter queue. Only when the queue cannot be
//! reached either does the courier report the record as failed, and Lambda brings it again.
//!
//! A message is sent at least once. It is sent once where the channel confirmed it and that was recorded; no channel knows a key by
//! which it would recognise a message that it has already taken, so a courier that dies between the two sends it again.

mod deliver;
mod event;
mod outcome;
mod pace;
mod queue;

use deliver::{Delivery, Next};
use event::{Batch, Errand, Task};
use futures_util::StreamExt as _;
use lambda_http::{Context, Error};
use latchkey_config::{Config, Loaded, Secrets};
use latchkey_courier::{DeliveryChannels, Templates};
use latchkey_platform::secret::{DeploymentSecrets, SecretText};
use latchkey_platform::{Clock, Environment, Platform, Rng, StartError, log, meter};
use latchkey_sealing::PrivateKey;
use latchkey_store::suppression::SuppressionList;
use latchkey_store::{Db, Flows, Outbox};
use latchkey_web::edge;
use pace::Pace;
use queue::Queues;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Messages that are sent at the same time.
const AT_ONCE: usize = 16;

/// What the function is started with.
pub struct App {
    config: Config,
    outbox: Outbox,
    suppressions: SuppressionList,
    flows: Flows,
    queues: Queues,
    templates: Templates,
    /// Those of the secrets that they were made with.
    channels: Mutex<Option<(Arc<Secrets>, Arc<DeliveryChannels>)>>,
    vault: DeploymentSecrets,
    env: Environment,
    clock: Clock,
    rng: Rng,
    secret: SecretText,
    pace: Pace,
}

impl App {
    /// Reads the configuration, opens the first connection and begins to fetch the secret.
    ///
    /// # Errors
    /// When the environment or the configuration is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        let env = &platform.env;
        let Loaded { config, secrets, .. } = edge::load_config(env)?;
        let db = Db::start(env)?;
        let suppressions = SuppressionList::open(&db, env)?;
        suppressions.warm();
        Ok(Self {
            suppressions,
            flows: Flows::open(&db, env)?,
            queues: Queues::open(env)?,
            templates: Templates::new(&config.courier).map_err(|e| StartError(e.to_string()))?,
            channels: Mutex::default(),
            vault: DeploymentSecrets::open(platform, secrets, config.dev)?,
            env: env.clone(),
            clock: platform.clock.clone(),
            rng: platform.rng.clone(),
            secret: SecretText::open_text(platform, "LATCHKEY_COURIER_SECRET")?,
            pace: Pace::default(),
            outbox: Outbox::open(&db, env)?,
            config,
        })
    }

    /// How often a message is tried.
    pub(crate) fn most(&self) -> u32 {
        self.config.courier.message_retries.saturating_add(1)
    }

    /// Who takes messages over. They prove themselves with what is among the deployment's secrets.
    async fn channels(&self, secrets: &Arc<Secrets>) -> Result<Arc<DeliveryChannels>, StartError> {
        let mut made = self.channels.lock().await;
        if let Some((with, channels)) = &*made
            && Arc::ptr_eq(with, secrets)
        {
            return Ok(Arc::clone(channels));
        }
        let channels = Arc::new(DeliveryChannels::new(&self.config, secrets, &self.env)?);
        *made = Some((Arc::clone(secrets), Arc::clone(&channels)));
        Ok(channels)
    }
}

/// The keys that open sealed messages, newest first.
fn keys(secret: &SecretString) -> Result<Vec<PrivateKey>, StartError> {
    PrivateKey::all(secret.expose_secret()).map_err(|e| StartError(format!("LATCHKEY_COURIER_SECRET: {e}")))
}

/// Works off the records of one event, and names those that must come again.
///
/// # Errors
/// When the event is of another kind.
pub async fn answer(app: &App, event: &str, context: Context) -> Result<Value, Error> {
    let batch = Batch::parse(event)?;
    let from = batch.source;
    let worked = futures_util::stream::iter(batch.tasks)
        .map(|task| work(app, task, from, &context.request_id))
        .buffer_unordered(AT_ONCE);
    let worked: Vec<Option<String>> = worked.collect().await;
    let failed: Vec<Value> = worked.into_iter().flatten().map(|record| json!({"itemIdentifier": record})).collect();
    Ok(json!({"batchItemFailures": failed}))
}

/// Does one task to its end; gives the record's name when it must come again.
async fn work(app: &App, task: Task, from: &'static str, request: &str) -> Option<String> {
    let began = app.clock.now();
    let (delivery, cost) = meter::measured(Box::pin(async {
        match task.errand {
            Errand::Send(id) => deliver::send(app, id).await,
            Errand::Record(id, confirmed) => deliver::record(app, id, confirmed).await,
            Errand::Erase(id, round) => deliver::erase(app, id, round).await,
            Errand::Unknown => Delivery::unreadable(),
        }
    }))
    .await;
    let handed_over = match &delivery.next {
        Next::Nothing => Ok(()),
        Next::Later(errand, delay) => app.queues.later(errand, *delay).await,
        Next::DeadLetter(what) => {
            app.queues.dead_letter(&json!({"record": task.record, "message": delivery.id, "why": what})).await
        }
    };
    // A message that the courier has given up stays so: to bring its record again would change nothing.
    let comes_again = handed_over.is_err() && !delivery.is_over;
    let mut line = json!({
        "request_id": request,
        "message_id": delivery.id,
        "template": delivery.template,
        "channel": delivery.channel,
        "from": from,
        "attempt": delivery.attempt,
        "outcome": if comes_again { "comes again" } else { delivery.outcome.as_str() },
        "round_trips": cost.trips,
        "store_calls": cost.calls.len(),
    });
    let is_error = delivery.is_error || handed_over.is_err();
    let causes: Vec<String> = delivery.cause.into_iter().chain(handed_over.err()).collect();
    if !causes.is_empty() {
        line["cause"] = json!(causes.join("; "));
    }
    log::event(&app.clock, "courier", line, began, is_error);
    comes_again.then_some(task.record)
}

/// How long a message waits after an attempt that failed: 10 s, then three times as long each time, at most what the queue can; a
/// fifth more at most, by chance, because many that failed at once must not come back at once.
fn delay_after(attempt: u32, chance: u8) -> Duration {
    let seconds = 10_u64.saturating_mul(3_u64.saturating_pow(attempt.saturating_sub(1)));
    let spread = seconds.saturating_mul(u64::from(chance)) / 255 / 5;
    Duration::from_secs(seconds.saturating_add(spread).min(900))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_longest_queue_delay() {
        let delays: Vec<u64> = (1..=7).map(|attempt| delay_after(attempt, 0).as_secs()).collect();
        assert_eq!(delays, [10, 30, 90, 270, 810, 900, 900]);
        assert_eq!((delay_after(2, 255).as_secs(), delay_after(5, 255).as_secs()), (36, 900));
        assert_eq!((delay_after(0, 0).as_secs(), delay_after(u32::MAX, 255).as_secs()), (10, 900));
    }
}
