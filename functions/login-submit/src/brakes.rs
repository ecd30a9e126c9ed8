//! Brakes on guessing: what an attempt counts for, and what is said when it was one too many.

use crate::Submission;
use latchkey_config::Config;
use latchkey_core::brakes::{
    AttemptLimits, Brake, SendLimits, Subject, attempts, network, question, sends, text_message,
};
use latchkey_core::message::Message;
use latchkey_schema::normalize_identifier;
use latchkey_store::flows::Saved;
use latchkey_store::{Counters, Db, StoreError};
use latchkey_web::{Environment, Fault, Reply, StartError, device, edge};
use time::Duration;
use uuid::Uuid;

/// The brakes of a deployment.
pub(crate) struct Brakes {
    counters: Counters,
    attempts: AttemptLimits,
    sends: SendLimits,
    sends_of_flow: u64,
    sms_countries: Vec<String>,
    sms_per_day: u32,
}

impl Brakes {
    /// None where they are off.
    pub(crate) fn open(env: &Environment, db: &Db, config: &Config) -> Result<Option<Self>, StartError> {
        let Some(limits) = &config.brakes else { return Ok(None) };
        let window = edge::signed(limits.window);
        Ok(Some(Self {
            counters: Counters::open(db, env)?,
            attempts: AttemptLimits {
                window,
                person_and_network: limits.attempts_person_and_network,
                person: limits.attempts_person,
                network: limits.attempts_network,
                device: limits.attempts_device,
            },
            sends: SendLimits { window, address: limits.sends_address, network: limits.sends_network },
            sends_of_flow: u64::from(limits.sends_flow),
            sms_countries: limits.sms_countries.clone(),
            sms_per_day: limits.sms_per_day,
        }))
    }
}

/// What was counted, to be taken back if it should not have been.
#[derive(Debug, Default)]
pub(crate) struct Counted(Vec<Brake>);

/// What was counted, and how long to wait when it was one too many.
pub(crate) type Count = (Counted, Option<Duration>);

impl Submission<'_> {
    /// Counts an attempt to sign in as somebody.
    pub(crate) async fn count_attempt(&self, person: Option<Uuid>, typed: &str) -> Result<Count, StoreError> {
        let Some(brakes) = &self.app.brakes else { return Ok(Count::default()) };
        let own = self.known_device.filter(|(owner, _)| Some(*owner) == person).map(|(_, session)| session);
        let subject = Subject::of(person, &normalize_identifier(typed));
        self.count(attempts(&brakes.attempts, &subject, &self.network(), own)).await
    }

    /// Counts a question after somebody: whoever asks after many is after none in particular.
    pub(crate) async fn count_question(&self) -> Result<Count, StoreError> {
        let Some(brakes) = &self.app.brakes else { return Ok(Count::default()) };
        self.count(vec![question(&brakes.attempts, &self.network())]).await
    }

    /// Counts a wish for a code. A text message to somebody `known` also counts for what its country may cost; for nobody as
    /// much is counted, where it does not matter.
    pub(crate) async fn count_send(&self, typed: &str, known: bool) -> Result<Count, StoreError> {
        let Some(brakes) = &self.app.brakes else { return Ok(Count::default()) };
        if self.sends >= brakes.sends_of_flow {
            return Ok((Counted::default(), Some(self.flow.expires_at - self.call.now)));
        }
        let identifier = normalize_identifier(typed);
        let mut counted = sends(&brakes.sends, &identifier, &self.network());
        if identifier.starts_with('+') {
            counted.push(if known {
                match text_message(&brakes.sms_countries, brakes.sms_per_day, &identifier) {
                    Some(brake) => brake,
                    None => return Ok((Counted::default(), Some(Duration::DAY))),
                }
            } else {
                Brake { key: format!("sms#nobody#{}", self.flow.id), most: u32::MAX, window: Duration::DAY }
            });
        }
        self.count(counted).await
    }

    async fn count(&self, counted: Vec<Brake>) -> Result<Count, StoreError> {
        let Some(brakes) = &self.app.brakes else { return Ok(Count::default()) };
        let wait = brakes.counters.raise(&counted, self.call.now).await?;
        Ok((Counted(counted), wait))
    }

    /// Takes back what should not have been counted: whoever proves who they are has not guessed.
    pub(crate) async fn forgive(&self, counted: &Counted) {
        if let Some(brakes) = &self.app.brakes {
            brakes.counters.lower(&counted.0, self.call.now).await;
        }
    }

    /// The form, with a word about waiting; nothing in it tells whether the attempt was right.
    pub(crate) async fn slow_down(&mut self, wait: Duration) -> Result<Reply, Fault> {
        self.say(vec![Message::too_often(wait)], Vec::new());
        if self.app.flows.save(&self.flow, self.sends).await? == Saved::AlreadyDone {
            return Ok(self.used_up());
        }
        let reply = self.show("tried too often");
        Ok(if self.wants_json() { reply.too_often(wait.whole_seconds().max(1)) } else { reply })
    }

    fn network(&self) -> String {
        network(device::address(self.call).as_deref())
    }
}
