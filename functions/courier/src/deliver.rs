//! One message, from the claim to the record of what became of it.

use crate::event::{Body, Confirmed};
use crate::outcome::{Outcome, Useless};
use crate::{App, delay_after, keys, pace};
use latchkey_config::Secrets;
use latchkey_core::courier::{Dispatch, MessagePayload, MessagePayloadV0, MessageStatus, QueuedMessage, redact};
use latchkey_core::flow::FlowName;
use latchkey_courier::{Rendered, SendError};
use latchkey_platform::StartError;
use latchkey_sealing::PrivateKey;
use latchkey_store::StoreError;
use latchkey_store::claim::{CLAIM, Claim, Claimed, Recorded};
use latchkey_store::erasure::Round;
use latchkey_store::outbox::Wording;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

/// How long a channel may take. With the store's own limits the whole fits into the function's time.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a message waits when the store does not answer, or when only its record is missing.
const SOON: Duration = Duration::from_secs(5);
/// A code that is good for less than this is not sent, because the user would have no time to enter it.
const LEAST_LEFT: Duration = Duration::from_secs(30);
/// Longest error that is kept, in characters.
const LONGEST_ERROR: usize = 500;

/// What happens to a record after its task.
pub(crate) enum Next {
    /// Nothing: the task is complete.
    Nothing,
    /// The courier puts an errand into its queue, which is due after this delay.
    Later(Body, Duration),
    /// It goes to the dead-letter queue, where an administrator has to look at it.
    DeadLetter(&'static str),
}

/// What became of a task; all of it may be logged.
pub(crate) struct Delivery {
    pub(crate) id: Option<Uuid>,
    pub(crate) template: Option<&'static str>,
    pub(crate) channel: Option<&'static str>,
    pub(crate) attempt: Option<u32>,
    pub(crate) outcome: Outcome,
    pub(crate) cause: Option<String>,
    pub(crate) is_error: bool,
    /// Whether nothing more can be done for the message.
    pub(crate) is_over: bool,
    pub(crate) next: Next,
}

impl Delivery {
    fn of(id: Uuid, outcome: Outcome, next: Next) -> Self {
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
        Self { id: None, is_error: true, ..Self::of(Uuid::nil(), Outcome::Unreadable, next) }
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
    Body::Message { message: id, confirmed: None }
}

/// A message waits while the store does not answer. A message that cannot be read goes to the dead-letter queue, where an
/// administrator has to look at it.
fn store_failed(id: Uuid, error: &StoreError) -> Delivery {
    let next = match error {
        StoreError::Unavailable(_) => Next::Later(again(id), SOON),
        StoreError::Corrupt(_) => Next::DeadLetter("a message that cannot be read"),
    };
    Delivery::of(id, Outcome::StoreFailed, next).because(error.to_string())
}

/// Sends a message, unless it is over or another courier has it.
pub(crate) async fn send(app: &App, id: Uuid) -> Delivery {
    let (now, token) = (app.clock.now(), app.rng.id());
    let claimed = match app.outbox.claim(id, token, app.most(), now).await {
        Ok(Claim::Ours(claimed)) => claimed,
        Ok(Claim::Over(MessageStatus::Sent)) => return Delivery::of(id, Outcome::WasSent, Next::Nothing),
        Ok(Claim::Over(_)) => return Delivery::of(id, Outcome::WasAbandoned, Next::Nothing),
        Ok(Claim::Gone) => return Delivery::of(id, Outcome::Gone, Next::Nothing),
        Ok(Claim::Held(until)) => {
            // The courier that holds the claim may have ended, so the queue brings the message again when the claim has ended.
            let wait = Duration::try_from(until - now).unwrap_or_default() + Duration::from_secs(1);
            return Delivery::of(id, Outcome::Held, Next::Later(again(id), wait));
        }
        Ok(Claim::NotDue(at)) => {
            let wait = Duration::try_from(at - now).unwrap_or_default() + Duration::from_secs(1);
            return Delivery::of(id, Outcome::NotDue, Next::Later(again(id), wait));
        }
        Ok(Claim::Exhausted) => return exhausted(app, id).await,
        Err(error) => return store_failed(id, &error),
    };
    match attempt(app, &claimed).await {
        (Ok(()), wording) => sent(app, token, &claimed, wording.as_ref()).await,
        (Err(failure), wording) => failed(app, &claimed, failure, wording.as_ref()).await,
    }
}

/// Why an attempt failed.
enum Failure {
    /// Another attempt may work. The text is what the channel said.
    Retry(String),
    /// The channel had no room, so the attempt does not count. The duration is how long the channel asks to be left alone.
    NoRoom(String, Duration),
    /// No further attempt will work.
    Final(Outcome, String),
    /// The fault is ours, and an administrator may mend it while the message waits.
    Ours(String),
}

/// Opens, renders and sends; whatever came of it, what it said in development mode.
async fn attempt(app: &App, claimed: &Claimed) -> (Result<(), Failure>, Option<Wording>) {
    match prepare(app, claimed).await {
        Ok((message, payload)) => hand_over(app, &message, &payload).await,
        Err(failure) => (Err(failure), None),
    }
}

/// Opens the payload, and makes sure that it is still of use to a reader who may be written to.
async fn prepare(app: &App, claimed: &Claimed) -> Result<(QueuedMessage, MessagePayload), Failure> {
    // The fields beside the payload count only once the payload has confirmed them.
    let (message, payload) = open_with_secrets(app, claimed).await?;
    let progress = async {
        match message.request {
            Some(request) => Some((request.number, app.flows.status(FlowName::Login, request.flow).await)),
            None => None,
        }
    };
    let (suppressed, progress) = tokio::join!(app.suppressions.get(&message.recipient, app.clock.now()), progress);
    // When either of the two cannot be read, the message is sent all the same. The suppression list protects the sender's reputation
    // and a used code costs its reader a moment, so neither is worth a login that fails.
    if let Ok(Some(entry)) = suppressed {
        let why = format!("not sent: the address is on the suppression list because of a {}", entry.reason.as_str());
        return Err(Failure::Final(Outcome::Suppressed, why));
    }
    let most_attempts = u64::from(app.config.selfservice.methods.code.max_submissions);
    let by_progress = match progress {
        Some((number, Ok(progress))) => Useless::by_progress(number, progress, most_attempts),
        Some((_, Err(_))) | None => None,
    };
    match Useless::by_time(&message, app.clock.now()).or(by_progress) {
        Some(useless) => Err(Failure::Final(Outcome::Useless(useless), useless.reason().to_owned())),
        None => Ok((message, payload)),
    }
}

async fn hand_over(
    app: &App,
    message: &QueuedMessage,
    payload: &MessagePayload,
) -> (Result<(), Failure>, Option<Wording>) {
    let rendered = match app.templates.render(message, payload, app.clock.now()) {
        Ok(rendered) => rendered,
        Err(error) => return (Err(Failure::Ours(without_secrets(&error.to_string(), message, payload))), None),
    };
    let wording = app.config.dev.then(|| Wording { subject: rendered.subject.clone(), body: rendered.text.clone() });
    let handed = match send_with_secrets(app, message, payload, &rendered).await {
        Ok(sent) => sent.map_err(|error| not_sent(app, message, payload, error)),
        Err(error) => Err(Failure::Ours(error.to_string())),
    };
    (handed, wording)
}

/// Hands a message to its channel. A channel that refuses our credentials may expect a newer secret, so the courier reads its secret
/// again.
async fn send_with_secrets(
    app: &App,
    message: &QueuedMessage,
    payload: &MessagePayload,
    rendered: &Rendered,
) -> Result<Result<(), SendError>, StartError> {
    let send = async |secrets: &Arc<Secrets>| {
        let channels = app.channels(secrets).await?;
        let sent = tokio::time::timeout(PATIENCE, channels.send(message, payload, rendered, app.clock.now())).await;
        Ok(sent.unwrap_or_else(|_| Err(SendError::Retry("the delivery channel did not answer in time".to_owned()))))
    };
    if let Some(rest) = app.pace.rest(message.via, app.clock.now()) {
        let wait = Some(rest);
        return Ok(Err(SendError::Busy { why: "the delivery channel asked for a pause".to_owned(), wait }));
    }
    let secrets = app.vault.get().await?;
    match send(&secrets).await? {
        Err(SendError::NotAllowed(why)) => match app.vault.newer_than(&secrets).await? {
            Some(newer) => send(&newer).await,
            None => Ok(Err(SendError::NotAllowed(why))),
        },
        sent => Ok(sent),
    }
}

fn not_sent(app: &App, message: &QueuedMessage, payload: &MessagePayload, error: SendError) -> Failure {
    let told = without_secrets(&error.to_string(), message, payload);
    match error {
        SendError::Retry(_) | SendError::NotAllowed(_) => Failure::Retry(told),
        SendError::Busy { wait, .. } => Failure::NoRoom(told, app.pace.leave(message.via, wait, app.clock.now())),
        SendError::Refused(_) => Failure::Final(Outcome::Refused, told),
    }
}

/// Opens the payload. A payload that does not open may be sealed for a newer secret, so the courier reads its secret again.
async fn open_with_secrets(app: &App, claimed: &Claimed) -> Result<(QueuedMessage, MessagePayload), Failure> {
    let ours = |e: StartError| Failure::Ours(e.to_string());
    let secret = app.secret.get().await.map_err(ours)?;
    match open(&keys(&secret).map_err(ours)?, &claimed.message, &claimed.sealed) {
        Err(Failure::Ours(why)) => match app.secret.newer_than(&secret).await.map_err(ours)? {
            Some(newer) => open(&keys(&newer).map_err(ours)?, &claimed.message, &claimed.sealed),
            None => Err(Failure::Ours(why)),
        },
        opened => opened,
    }
}

/// A payload with the message that it is bound to.
fn open(
    keys: &[PrivateKey],
    stored: &QueuedMessage,
    sealed: &[u8],
) -> Result<(QueuedMessage, MessagePayload), Failure> {
    let unreadable = || Failure::Final(Outcome::Unreadable, "the payload cannot be read".to_owned());
    let about = stored.authenticated();
    if let Some(plain) = keys.iter().find_map(|key| key.open(sealed, &about).ok()) {
        let payload = serde_json::from_slice(&plain).map_err(|_| unreadable())?;
        return Ok((stored.clone(), payload));
    }
    let before = keys.iter().find_map(|key| key.open_of_release_before(sealed, stored.id.as_bytes()).ok());
    // A secret that was changed by mistake can be put back.
    let why = "the courier's secret does not open the message, or a field beside its payload was altered";
    let plain = before.ok_or_else(|| Failure::Ours(why.to_owned()))?;
    let before: MessagePayloadV0 = serde_json::from_slice(&plain).map_err(|_| unreadable())?;
    let why = "not sent: the payload belongs to another recipient";
    before.read(stored).ok_or_else(|| Failure::Final(Outcome::Refused, why.to_owned()))
}

/// Removes the contents of a message from what its channel said, which may quote them. Administrators see the recipient of a message
/// anyway, and must not see more.
fn without_secrets(text: &str, message: &QueuedMessage, payload: &MessagePayload) -> String {
    let secrets = payload.content.secrets().into_iter().map(|secret| (secret, "…"));
    let text = redact(text, secrets.chain([(message.recipient.as_str(), "<recipient>")]));
    text.chars().take(LONGEST_ERROR).collect()
}

async fn sent(app: &App, token: Uuid, claimed: &Claimed, wording: Option<&Wording>) -> Delivery {
    let id = claimed.message.id;
    let dispatch = Dispatch { id: app.rng.id(), error: None, at: app.clock.now() };
    match app.outbox.sent(claimed, &dispatch, wording).await {
        Ok(Recorded::Kept) => Delivery::of(id, Outcome::Sent, Next::Nothing).about(claimed),
        Ok(Recorded::ClaimLost) => Delivery::of(id, Outcome::SentClaimLost, Next::Nothing).about(claimed),
        // The message was sent, and only its record is missing. The queue brings back the record alone, while the claim holds.
        Err(error) => {
            let body = Body::Message { message: id, confirmed: Some(Confirmed { claim: token, dispatch }) };
            let delivery = Delivery::of(id, Outcome::SentNotRecorded, Next::Later(body, SOON));
            delivery.about(claimed).because(error.to_string())
        }
    }
}

/// Records an earlier delivery whose record could not be written at the time.
pub(crate) async fn record(app: &App, id: Uuid, confirmed: Confirmed) -> Delivery {
    match app.outbox.sent_under(id, confirmed.claim, &confirmed.dispatch).await {
        Ok(Recorded::Kept) => Delivery::of(id, Outcome::Recorded, Next::Nothing),
        Ok(Recorded::ClaimLost) => Delivery::of(id, Outcome::ClaimLost, Next::Nothing),
        Err(error) => {
            let body = Body::Message { message: id, confirmed: Some(confirmed) };
            Delivery::of(id, Outcome::StoreFailed, Next::Later(body, SOON)).because(error.to_string())
        }
    }
}

/// How long after an address was given up the last messages to it are forgotten.
const LAST_ROUND: Duration = Duration::from_secs(900);

/// Erases messages to addresses that no identity has any more.
pub(crate) async fn erase(app: &App, id: Uuid, round: Round) -> Delivery {
    let next = |delay| Next::Later(Body::Erase { erase: id }, delay);
    match (app.outbox.erase(id, round).await, round) {
        (Ok(_), Round::First) => Delivery::of(id, Outcome::Erased, next(LAST_ROUND)),
        (Ok(_), Round::Last) => Delivery::of(id, Outcome::Erased, Next::Nothing),
        // The last round erases what the first one left.
        (Err(error), Round::First) => {
            Delivery::of(id, Outcome::StoreFailed, next(LAST_ROUND)).because(error.to_string())
        }
        (Err(error), Round::Last) => Delivery::of(id, Outcome::StoreFailed, next(SOON)).because(error.to_string()),
    }
}

async fn failed(app: &App, claimed: &Claimed, failure: Failure, wording: Option<&Wording>) -> Delivery {
    let id = claimed.message.id;
    let now = app.clock.now();
    // `None` when the message may not be tried again.
    let again_in = match &failure {
        Failure::NoRoom(_, rest) => {
            next_attempt(&claimed.message, now, pace::again_in(claimed.rounds, *rest, app.rng.bytes()))
        }
        _ => {
            let wait = delay_after(claimed.send_count, app.rng.bytes::<1>()[0]);
            next_attempt(&claimed.message, now, wait).filter(|_| claimed.send_count < app.most())
        }
    };
    // The text of a channel goes into the table alone. The log has fixed words, and the reasons of faults that are ours.
    let ours = if let Failure::Ours(why) = &failure { Some(why.clone()) } else { None };
    let (outcome, why, wait) = match (failure, again_in) {
        (Failure::Final(outcome, why), _) => (outcome, why, None),
        (Failure::Retry(why) | Failure::Ours(why) | Failure::NoRoom(why, _), None) => (Outcome::Abandoned, why, None),
        (Failure::NoRoom(why, _), wait) => (Outcome::HadNoRoom, why, wait),
        (Failure::Retry(why), wait) => (Outcome::Failed, why, wait),
        (Failure::Ours(why), wait) => (Outcome::FailedByOurFault, why, wait),
    };
    let dispatch = Dispatch { id: app.rng.id(), error: Some(why), at: now };
    let recorded = match wait {
        None => app.outbox.abandoned(claimed, &dispatch, wording).await,
        Some(wait) if outcome == Outcome::HadNoRoom => app.outbox.had_no_room(claimed, &dispatch, now + wait).await,
        Some(wait) => app.outbox.failed(claimed, &dispatch, now + wait, wording).await,
    };
    let delivery = match (recorded, wait) {
        (Ok(_), Some(wait)) => Delivery::of(id, outcome, Next::Later(again(id), wait)),
        (Ok(_), None) if outcome.is_alarming() => {
            Delivery::of(id, outcome, Next::DeadLetter("not sent in time")).because("no attempt is left").over()
        }
        (Ok(_), None) => Delivery::of(id, outcome, Next::Nothing).over(),
        // The claim ends by itself. The next courier then reads from the record how often the message was tried.
        (Err(error), _) => {
            let claim = Duration::try_from(CLAIM).unwrap_or_default();
            Delivery::of(id, outcome, Next::Later(again(id), claim)).because(error.to_string())
        }
    };
    let delivery = delivery.about(claimed);
    match ours {
        Some(why) => delivery.because(why),
        None => delivery,
    }
}

/// When a message that should wait this long is tried again. One that would come after its end comes halfway before it instead;
/// `None` when what would be left then is of no use.
fn next_attempt(message: &QueuedMessage, now: OffsetDateTime, wait: Duration) -> Option<Duration> {
    let Some(end) = message.expires_at else { return Some(wait) };
    let left = Duration::try_from(end - now).unwrap_or_default();
    if wait < left {
        return Some(wait);
    }
    Some(left / 2).filter(|half| *half >= LEAST_LEFT)
}

async fn exhausted(app: &App, id: Uuid) -> Delivery {
    let error = "its couriers ended before they could record what became of it";
    let dispatch = Dispatch { id: app.rng.id(), error: Some(error.to_owned()), at: app.clock.now() };
    match app.outbox.give_up(id, &dispatch).await {
        Ok(Recorded::Kept) => {
            Delivery::of(id, Outcome::Abandoned, Next::DeadLetter("not sent in time")).because(error).over()
        }
        Ok(Recorded::ClaimLost) => Delivery::of(id, Outcome::Held, Next::Nothing),
        Err(error) => store_failed(id, &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use latchkey_core::courier::TemplateType;
    use latchkey_core::identity::Via;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-27 14:00 UTC);
    /// Sealed by the release before: the code 048213 for ann@example.org, good for 15 minutes.
    const BEFORE: &str = "5JvIJ1vmaWIHG7m9DeDGqTfQTxv2jGXMtjFYkaAMLHqsRDVDWz0T6qbboQWIn13FRVC04OivSeHgau4d_vx-qjX4Zvo2DFRftBA9v0vQ-Kx9Oz9krtmdQSt7f10Apx33X2n5Y230vIkKXY9Q5MoDbuekegpDRe9DppRIIm6XqkdYnrf-lAyKHXhEdtx1xJ8e4iSS4Rkbyw0fIhNflapLc0H2t-bbDDyvmigvwJuoD6mTpAE7lpvJisPjmhzrCrnxbrkeEoNncvFGJ0bkfLSGO42WZ695TIR020PFOHP4c7b-rQTYFcDXusS6OpCNN1eStj_fd-CPFCycxanjLhRhQguLBjoM0tN_wYVIcMe4FdTAOGHYOFf7lgVvicP4tWim2_kkOfzbYF2MlYHfPJQ2Bx1rHSYp0bjZrmF8JAUC1D1X3fNr0rGg8fyXXetBh4BW3XmAJy_RkzU-FT5ElcErag1f9USYU1guaGFJ3dO8m9MfDUrDsSWRrDS2Yh_5JaayJE5i0r1oc4u1ZW6vhlKMktMXRWW0cteMTIvZOuFp0E-9yVRFbD0vj6vneerMpl9_1XpEwyqS3FB_C-27N5jjtZQwtQRyBfqO3ZPkdQ";

    fn stored(recipient: &str) -> QueuedMessage {
        QueuedMessage {
            id: Uuid::from_u128(0x0b2f_3c44_1111_4222_8333_4444_5555_6666),
            via: Via::Email,
            recipient: recipient.to_owned(),
            template: TemplateType::LoginCodeValid,
            created_at: NOW,
            expires_at: None,
            request: None,
        }
    }

    fn both() -> Vec<PrivateKey> {
        PrivateKey::all("a newer secret of the courier\na secret that is long enough").unwrap()
    }

    #[test]
    fn payload_v0_is_opened() {
        let sealed = URL_SAFE_NO_PAD.decode(BEFORE).unwrap();
        let (message, payload) = open(&both(), &stored("ann@example.org"), &sealed).ok().unwrap();
        assert_eq!(payload.content.secrets(), ["048213"]);
        assert_eq!(message.expires_at, Some(NOW + time::Duration::minutes(16)));
        // Its envelope does not tell whom it is for, but the payload does.
        let elsewhere = open(&both(), &stored("eve@example.org"), &sealed);
        assert!(matches!(elsewhere, Err(Failure::Final(Outcome::Refused, _))));
        let other = QueuedMessage { id: Uuid::nil(), ..stored("ann@example.org") };
        assert!(matches!(open(&both(), &other, &sealed), Err(Failure::Ours(_))));
    }

    #[test]
    fn last_attempt_comes_before_the_expiry() {
        let in_10 = |left: i64| {
            let message =
                QueuedMessage { expires_at: Some(NOW + time::Duration::seconds(left)), ..stored("a@example.org") };
            next_attempt(&message, NOW, Duration::from_secs(10)).map(|wait| wait.as_secs())
        };
        assert_eq!(in_10(600), Some(10));
        assert_eq!(in_10(11), Some(10));
        assert_eq!(in_10(10), None);
        assert_eq!(in_10(-10), None);
        let in_900 = QueuedMessage { expires_at: Some(NOW + time::Duration::seconds(200)), ..stored("a@example.org") };
        assert_eq!(next_attempt(&in_900, NOW, Duration::from_secs(900)), Some(Duration::from_secs(100)));
        assert_eq!(
            next_attempt(&stored("a@example.org"), NOW, Duration::from_secs(900)),
            Some(Duration::from_secs(900))
        );
    }
}
