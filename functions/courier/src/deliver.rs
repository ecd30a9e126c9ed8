//! One message, from the claim to the record of what became of it.

use crate::event::{Body, Confirmed};
use crate::{App, delay_after};
use latchkey_core::courier::{Dispatch, Letter, MessageStatus, Outgoing};
use latchkey_courier::SendError;
use latchkey_sealing::PrivateKey;
use latchkey_store::StoreError;
use latchkey_store::outbox::{Claim, Claimed, Recorded, Wording};
use latchkey_web::chance;
use std::time::Duration;
use uuid::Uuid;

/// How long a carrier may take. With the store's own limits the whole fits into the function's time.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a message waits when the store does not answer, or when only its record is missing.
const SOON: Duration = Duration::from_secs(5);
/// Longest error that is kept, in characters.
const LONGEST_ERROR: usize = 500;

/// What happens to a record after its task.
pub(crate) enum Next {
    /// It is done with.
    Nothing,
    /// An errand is due after a while.
    Later(Body, Duration),
    /// Somebody has to look at it.
    DeadLetter(&'static str),
}

/// What became of a task; all of it may be logged.
pub(crate) struct Delivery {
    pub(crate) id: Option<Uuid>,
    pub(crate) template: Option<&'static str>,
    pub(crate) channel: Option<&'static str>,
    pub(crate) attempt: Option<u32>,
    pub(crate) outcome: &'static str,
    pub(crate) cause: Option<String>,
    pub(crate) is_error: bool,
    /// Whether nothing more can be done for the message.
    pub(crate) is_over: bool,
    pub(crate) next: Next,
}

impl Delivery {
    fn of(id: Uuid, outcome: &'static str, next: Next) -> Self {
        Self {
            id: Some(id),
            template: None,
            channel: None,
            attempt: None,
            outcome,
            cause: None,
            is_error: false,
            is_over: false,
            next,
        }
    }

    /// A record that cannot be read.
    pub(crate) fn unreadable() -> Self {
        let next = Next::DeadLetter("a record that cannot be read");
        Self { id: None, is_error: true, ..Self::of(Uuid::nil(), "unreadable", next) }
    }

    fn about(mut self, claimed: &Claimed) -> Self {
        self.template = Some(claimed.message.template.as_str());
        self.channel = Some(claimed.message.via.as_str());
        self.attempt = Some(claimed.send_count);
        self
    }

    fn because(mut self, cause: impl Into<String>) -> Self {
        (self.cause, self.is_error) = (Some(cause.into()), true);
        self
    }

    fn over(mut self) -> Self {
        self.is_over = true;
        self
    }
}

fn again(id: Uuid) -> Body {
    Body { message: id, confirmed: None }
}

/// A store that does not answer may do so soon; what it holds and nobody can read is for somebody to look at.
fn store_failed(id: Uuid, error: &StoreError) -> Delivery {
    let next = match error {
        StoreError::Unavailable(_) => Next::Later(again(id), SOON),
        StoreError::Corrupt(_) => Next::DeadLetter("a message that cannot be read"),
    };
    Delivery::of(id, "store failed", next).because(error.to_string())
}

/// Sends a message, unless it is over or another courier has it.
pub(crate) async fn send(app: &App, id: Uuid) -> Delivery {
    let (now, token) = (chance::now(), chance::id());
    let claimed = match app.outbox.claim(id, token, app.most(), now).await {
        Ok(Claim::Ours(claimed)) => claimed,
        Ok(Claim::Over(MessageStatus::Sent)) => return Delivery::of(id, "was sent", Next::Nothing),
        Ok(Claim::Over(_)) => return Delivery::of(id, "was abandoned", Next::Nothing),
        Ok(Claim::Gone) => return Delivery::of(id, "gone", Next::Nothing),
        Ok(Claim::Held(until)) => {
            // Whoever holds it may be dead: after its claim somebody has to look again.
            let wait = Duration::try_from(until - now).unwrap_or_default() + Duration::from_secs(1);
            return Delivery::of(id, "held", Next::Later(again(id), wait));
        }
        Ok(Claim::NotDue(at)) => {
            let wait =
                Duration::try_from(at - now).unwrap_or_default().saturating_mul(app.hurry) + Duration::from_secs(1);
            return Delivery::of(id, "not due", Next::Later(again(id), wait));
        }
        Ok(Claim::Exhausted) => return exhausted(app, id).await,
        Err(error) => return store_failed(id, &error),
    };
    match attempt(app, &claimed).await {
        Ok(wording) => sent(app, token, &claimed, wording.as_ref()).await,
        Err((failure, wording)) => failed(app, &claimed, failure, wording.as_ref()).await,
    }
}

/// Why an attempt came to nothing.
enum Failure {
    /// Another one may work; what the carrier said.
    Retry(String),
    /// None will.
    Final(&'static str, String),
    /// Our own fault, which may be mended while the message waits.
    Ours(String),
}

/// Opens, renders and sends.
async fn attempt(app: &App, claimed: &Claimed) -> Result<Option<Wording>, (Failure, Option<Wording>)> {
    let message = &claimed.message;
    let mark = app.suppressed.of(&message.recipient, chance::now()).await;
    // A mark that cannot be read holds nothing back: it spares a reputation, it protects nobody.
    if let Ok(Some(mark)) = mark {
        let why = format!("not sent: the address is marked because of a {}", mark.reason.as_str());
        return Err((Failure::Final("suppressed", why), None));
    }
    let keys = app.keys().await.map_err(|e| (Failure::Ours(e.to_string()), None))?;
    let carriers = app.carriers().await.map_err(|e| (Failure::Ours(e.to_string()), None))?;
    let letter = open(keys, claimed).map_err(|failure| (failure, None))?;
    let rendered = app.templates.render(message, &letter);
    let rendered = rendered.map_err(|e| (Failure::Ours(without_secrets(&e.to_string(), message, &letter)), None))?;
    let wording = app.config.dev.then(|| Wording { subject: rendered.subject.clone(), body: rendered.text.clone() });
    match tokio::time::timeout(PATIENCE, carriers.send(message, &letter, &rendered)).await {
        Ok(Ok(())) => Ok(wording),
        Ok(Err(SendError::Retry(why))) => Err((Failure::Retry(without_secrets(&why, message, &letter)), wording)),
        Ok(Err(SendError::Refused(why))) => {
            Err((Failure::Final("refused", without_secrets(&why, message, &letter)), wording))
        }
        Err(_) => Err((Failure::Retry("the carrier did not answer in time".to_owned()), wording)),
    }
}

fn open(keys: &[PrivateKey], claimed: &Claimed) -> Result<Letter, Failure> {
    let plain = keys.iter().find_map(|key| key.open(&claimed.sealed, claimed.message.id.as_bytes()).ok());
    // A secret that was changed by mistake can be put back.
    let plain = plain.ok_or_else(|| Failure::Ours("the courier's secret does not open the letter".to_owned()))?;
    serde_json::from_slice(&plain).map_err(|_| Failure::Final("unreadable", "the letter cannot be read".to_owned()))
}

/// What a carrier says may quote what it was given. Administrators see whom a message goes to anyway, and must not see more.
fn without_secrets(text: &str, message: &Outgoing, letter: &Letter) -> String {
    let text = text.replace(&letter.code, "…").replace(&message.recipient, "<recipient>");
    text.chars().take(LONGEST_ERROR).collect()
}

async fn sent(app: &App, token: Uuid, claimed: &Claimed, wording: Option<&Wording>) -> Delivery {
    let id = claimed.message.id;
    let dispatch = Dispatch { id: chance::id(), error: None, at: chance::now() };
    match app.outbox.sent(claimed, &dispatch, wording).await {
        Ok(Recorded::Kept) => Delivery::of(id, "sent", Next::Nothing).about(claimed),
        Ok(Recorded::ClaimLost) => Delivery::of(id, "sent, claim lost", Next::Nothing).about(claimed),
        // It must not be sent again for want of a record: that alone is made up for, while the claim holds.
        Err(error) => {
            let body = Body { message: id, confirmed: Some(Confirmed { claim: token, dispatch }) };
            let delivery = Delivery::of(id, "sent, not recorded", Next::Later(body, SOON));
            delivery.about(claimed).because(error.to_string())
        }
    }
}

/// Records what could not be recorded when it happened.
pub(crate) async fn record(app: &App, id: Uuid, confirmed: Confirmed) -> Delivery {
    match app.outbox.sent_under(id, confirmed.claim, &confirmed.dispatch).await {
        Ok(Recorded::Kept) => Delivery::of(id, "recorded", Next::Nothing),
        Ok(Recorded::ClaimLost) => Delivery::of(id, "claim lost", Next::Nothing),
        Err(error) => {
            let body = Body { message: id, confirmed: Some(confirmed) };
            Delivery::of(id, "store failed", Next::Later(body, SOON)).because(error.to_string())
        }
    }
}

async fn failed(app: &App, claimed: &Claimed, failure: Failure, wording: Option<&Wording>) -> Delivery {
    let id = claimed.message.id;
    let last = claimed.send_count >= app.most();
    // What a carrier says is for the table alone; the log has fixed words, and what we ourselves did not get done.
    let ours = if let Failure::Ours(why) = &failure { Some(why.clone()) } else { None };
    let (over, outcome, error) = match failure {
        Failure::Final(outcome, why) => (true, outcome, why),
        Failure::Retry(why) | Failure::Ours(why) if last => (true, "abandoned", why),
        Failure::Retry(why) => (false, "failed", why),
        Failure::Ours(why) => (false, "failed by our fault", why),
    };
    let dispatch = Dispatch { id: chance::id(), error: Some(error), at: chance::now() };
    let wait = delay_after(claimed.send_count, chance::bytes::<1>()[0]);
    let recorded = if over {
        app.outbox.abandoned(claimed, &dispatch, wording).await
    } else {
        app.outbox.failed(claimed, &dispatch, dispatch.at + wait / app.hurry, wording).await
    };
    let delivery = match recorded {
        Ok(_) if outcome == "abandoned" => Delivery::of(id, outcome, Next::DeadLetter("tried as often as it may be"))
            .because("the last attempt failed")
            .over(),
        Ok(_) if over => Delivery::of(id, outcome, Next::Nothing).over(),
        Ok(_) => Delivery::of(id, outcome, Next::Later(again(id), wait)),
        // Its claim ends by itself, and who comes then finds how often it was tried.
        Err(error) => {
            let claim = Duration::try_from(latchkey_store::outbox::CLAIM).unwrap_or_default();
            Delivery::of(id, outcome, Next::Later(again(id), claim)).because(error.to_string())
        }
    };
    let delivery = delivery.about(claimed);
    match ours {
        Some(why) => delivery.because(why),
        None => delivery,
    }
}

async fn exhausted(app: &App, id: Uuid) -> Delivery {
    let error = "its couriers ended before they could record what became of it";
    let dispatch = Dispatch { id: chance::id(), error: Some(error.to_owned()), at: chance::now() };
    match app.outbox.give_up(id, &dispatch).await {
        Ok(Recorded::Kept) => {
            Delivery::of(id, "abandoned", Next::DeadLetter("tried as often as it may be")).because(error).over()
        }
        Ok(Recorded::ClaimLost) => Delivery::of(id, "held", Next::Nothing),
        Err(error) => store_failed(id, &error),
    }
}
