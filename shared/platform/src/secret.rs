//! Secrets of the deployment, in the functions that need them.
//!
//! On AWS they come from Secrets Manager, by the documents that the template names. The first request for one is made while the
//! function starts and awaited by the first caller. An operator may change a secret while a function is warm. So what was read is
//! [kept for a minute](KEPT), and read again at once when a caller meets what does not fit it ([`Secret::newer_than`]). Elsewhere
//! secrets come from the configuration file or the environment, which do not change under a function.

use crate::aws::https;
use crate::{Clock, Platform, StartError, aws_client, log};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use latchkey_config::{Secrets, merge_secrets};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

/// How long a secret is kept: the time that a change of it takes to be known everywhere.
pub const KEPT: Duration = Duration::MINUTE;
/// How long a secret is kept even when a caller meets a value that does not fit it. Any client can send such a value, and every read
/// of the secret costs.
const LEAST: Duration = Duration::SECOND;
/// How long a secret that cannot be read again is used before it is tried once more.
const PAUSE: Duration = Duration::seconds(10);

/// The secrets of the configuration's keys.
pub type DeploymentSecrets = Secret<Secrets>;
/// A secret that is one text.
pub type SecretText = Secret<SecretString>;

/// A secret. Clones share what was read.
pub struct Secret<T>(Arc<Source<T>>);

impl<T> Clone for Secret<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

enum Source<T> {
    /// From the configuration or the environment.
    Fixed(Arc<T>),
    /// From Secrets Manager.
    Stored(Stored<T>),
}

/// Makes of a secret's text what the function uses.
type Parse<T> = Box<dyn Fn(&SecretString) -> Result<T, StartError> + Send + Sync>;

struct Stored<T> {
    client: Client,
    clock: Clock,
    arn: String,
    parse: Parse<T>,
    kept: Mutex<Option<Kept<T>>>,
}

/// What was read, and when it is to be read again.
struct Kept<T> {
    value: Arc<T>,
    text: SecretString,
    read_at: OffsetDateTime,
}

impl Secret<Secrets> {
    /// Begins to fetch the document that `LATCHKEY_SECRETS_ARN` names, or takes the secrets of the configuration file, `own`.
    ///
    /// # Errors
    /// When a secret of the file is missing, too short, or published with the examples.
    pub fn open(platform: &Platform, own: Secrets, dev: bool) -> Result<Self, StartError> {
        let Some(arn) = platform.env.get("LATCHKEY_SECRETS_ARN") else {
            own.require(dev).map_err(|e| StartError(e.to_string()))?;
            return Ok(Self(Arc::new(Source::Fixed(Arc::new(own)))));
        };
        let parse = move |text: &SecretString| {
            let secrets = merge_secrets(text.expose_secret()).map_err(|e| StartError(e.to_string()))?;
            secrets.require(dev).map_err(|e| StartError(e.to_string()))?;
            Ok(secrets)
        };
        Ok(Self::stored(platform, arn, parse)?.begun())
    }
}

impl Secret<SecretString> {
    /// Begins to fetch the document that the variable with `_ARN` at its end names, or takes the value of the variable itself.
    ///
    /// # Errors
    /// When neither variable is there.
    pub fn open_text(platform: &Platform, name: &str) -> Result<Self, StartError> {
        let Some(arn) = platform.env.get(&format!("{name}_ARN")) else {
            let text = platform.env.require(name, "a random text that only this deployment knows")?;
            return Ok(Self(Arc::new(Source::Fixed(Arc::new(text.into())))));
        };
        Ok(Self::stored(platform, arn, |text| Ok(text.clone()))?.begun())
    }
}

impl<T: Send + Sync + 'static> Secret<T> {
    fn stored(
        platform: &Platform,
        arn: &str,
        parse: impl Fn(&SecretString) -> Result<T, StartError> + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        let (each, all) = (std::time::Duration::from_secs(3), std::time::Duration::from_secs(8));
        let env = &platform.env;
        let client = aws_client!(aws_sdk_secretsmanager, env, "AWS_ENDPOINT_URL_SECRETS_MANAGER", None, tries: 3, each: each, all: all)?;
        let (clock, arn) = (platform.clock.clone(), arn.to_owned());
        let stored = Stored { client, clock, arn, parse: Box::new(parse), kept: Mutex::default() };
        Ok(Self(Arc::new(Source::Stored(stored))))
    }

    /// Begins to read it, beside the start of the function.
    fn begun(self) -> Self {
        let early = self.clone();
        tokio::spawn(async move {
            https::after_the_first_poll().await;
            let _ = early.get().await;
        });
        self
    }

    /// The secret as it was at most a minute ago; longer ago only while it cannot be read.
    ///
    /// # Errors
    /// When it was never read, and cannot be read or used.
    pub async fn get(&self) -> Result<Arc<T>, StartError> {
        self.no_older_than(KEPT).await
    }

    /// The secret as it is now, for a caller that met what does not fit `old`; `None` when it is still the same.
    ///
    /// # Errors
    /// When it was never read, and cannot be read or used.
    pub async fn newer_than(&self, old: &Arc<T>) -> Result<Option<Arc<T>>, StartError> {
        let newer = self.no_older_than(LEAST).await?;
        Ok((!Arc::ptr_eq(&newer, old)).then_some(newer))
    }

    /// The secret as it is now, and an error rather than what it once was: for a caller that hands it on.
    ///
    /// # Errors
    /// When it cannot be read or used.
    pub async fn read(&self) -> Result<Arc<T>, StartError> {
        match &*self.0 {
            Source::Fixed(value) => Ok(Arc::clone(value)),
            Source::Stored(stored) => Ok(Arc::new((stored.parse)(&stored.fetch().await?)?)),
        }
    }

    async fn no_older_than(&self, age: Duration) -> Result<Arc<T>, StartError> {
        let stored = match &*self.0 {
            Source::Fixed(value) => return Ok(Arc::clone(value)),
            Source::Stored(stored) => stored,
        };
        let mut kept = stored.kept.lock().await;
        // After the lock: another caller may have read the secret meanwhile.
        let now = stored.clock.now();
        if let Some(kept) = &*kept
            && (Duration::ZERO..age).contains(&(now - kept.read_at))
        {
            return Ok(Arc::clone(&kept.value));
        }
        let read = match stored.fetch().await {
            Ok(text) => (stored.parse)(&text).map(|value| (value, text)),
            Err(error) => Err(error),
        };
        match (read, &mut *kept) {
            (Ok((_, text)), Some(same)) if same.text.expose_secret() == text.expose_secret() => {
                same.read_at = now;
                Ok(Arc::clone(&same.value))
            }
            (Ok((value, text)), slot) => {
                let value = Arc::new(value);
                *slot = Some(Kept { value: Arc::clone(&value), text, read_at: now });
                Ok(value)
            }
            // The secret of a minute ago may still be good, and without it every request would fail.
            (Err(error), Some(old)) => {
                log::note(format!("a secret could not be read again: {error}"));
                old.read_at = now - KEPT + PAUSE;
                Ok(Arc::clone(&old.value))
            }
            (Err(error), None) => Err(error),
        }
    }
}

impl<T> Stored<T> {
    async fn fetch(&self) -> Result<SecretString, StartError> {
        let answer = self.client.get_secret_value().secret_id(&self.arn).send().await;
        let answer = answer.map_err(|e| StartError(format!("Secrets Manager: {}", DisplayErrorContext(e))))?;
        let text =
            answer.secret_string().ok_or_else(|| StartError("Secrets Manager: the secret is not text".into()))?;
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Environment, ManualClock, Rng};
    use std::sync::Mutex as Shared;
    use time::macros::datetime;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    const NOW: OffsetDateTime = datetime!(2026-11-27 14:00 UTC);

    /// A secret, the clock by which it is kept, and the Secrets Manager behind it: its text, or `None` to fail, and how often it was
    /// asked.
    async fn manager() -> (SecretText, ManualClock, Arc<Shared<(Option<&'static str>, usize)>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let env = [("AWS_REGION", "local"), ("AWS_ACCESS_KEY_ID", "local"), ("AWS_SECRET_ACCESS_KEY", "local")];
        let env = Environment::from_pairs(env.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let env = env.with("AWS_ENDPOINT_URL", &format!("http://{}", listener.local_addr().unwrap()));
        let state = Arc::new(Shared::new((Some("first"), 0)));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            loop {
                let (mut peer, _) = listener.accept().await.unwrap();
                let mut chunk = [0; 8192];
                let _ = peer.read(&mut chunk).await;
                let text = {
                    let mut state = shared.lock().unwrap();
                    state.1 += 1;
                    state.0
                };
                let (status, body) = match text {
                    Some(text) => ("200 OK", format!(r#"{{"SecretString":"{text}"}}"#)),
                    None => ("400 Bad Request", r#"{"__type":"AccessDeniedException"}"#.to_owned()),
                };
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
                let _ = peer.write_all(answer.as_bytes()).await;
            }
        });
        let clock = ManualClock::standing_at(NOW);
        let platform = Platform { env, clock: clock.clock(), rng: Rng::seeded(1) };
        (SecretText::stored(&platform, "arn", |text| Ok(text.clone())).unwrap(), clock, state)
    }

    async fn text(secret: &SecretText) -> String {
        secret.get().await.unwrap().expose_secret().to_owned()
    }

    #[tokio::test]
    async fn changed_secret_is_known_within_a_minute() {
        let (secret, clock, manager) = manager().await;
        assert_eq!(text(&secret).await, "first");
        manager.lock().unwrap().0 = Some("second");
        clock.turn(Duration::seconds(59));
        assert_eq!(text(&secret).await, "first");
        clock.turn(Duration::SECOND);
        assert_eq!(text(&secret).await, "second");
        assert_eq!(manager.lock().unwrap().1, 2, "it is asked for no more often");
    }

    #[tokio::test]
    async fn clock_put_back_keeps_no_secret() {
        let (secret, clock, manager) = manager().await;
        assert_eq!(text(&secret).await, "first");
        manager.lock().unwrap().0 = Some("second");
        clock.turn(-Duration::HOUR);
        assert_eq!(text(&secret).await, "second");
    }

    #[tokio::test]
    async fn caller_with_unfitting_value_reads_again() {
        let (secret, clock, manager) = manager().await;
        let first = secret.get().await.unwrap();
        assert_eq!(first.expose_secret(), "first");
        manager.lock().unwrap().0 = Some("second");
        let asked = manager.lock().unwrap().1;
        assert!(secret.newer_than(&first).await.unwrap().is_none(), "at most once a second");
        assert_eq!(manager.lock().unwrap().1, asked);
        clock.turn(Duration::SECOND);
        assert_eq!(secret.newer_than(&first).await.unwrap().unwrap().expose_secret(), "second");
        assert_eq!(secret.read().await.unwrap().expose_secret(), "second");
    }

    #[tokio::test]
    async fn secret_stays_good_while_unreadable() {
        let (secret, clock, manager) = manager().await;
        manager.lock().unwrap().0 = None;
        assert!(secret.get().await.is_err());
        manager.lock().unwrap().0 = Some("first");
        assert_eq!(text(&secret).await, "first");
        manager.lock().unwrap().0 = None;
        clock.turn(Duration::MINUTE);
        assert_eq!(text(&secret).await, "first");
        let asked = manager.lock().unwrap().1;
        clock.turn(Duration::seconds(9));
        assert_eq!(text(&secret).await, "first");
        assert_eq!(manager.lock().unwrap().1, asked, "it is not asked at every request meanwhile");
        manager.lock().unwrap().0 = Some("second");
        clock.turn(Duration::SECOND);
        assert_eq!(text(&secret).await, "second");
        manager.lock().unwrap().0 = None;
        assert!(secret.read().await.is_err(), "a caller that hands it on gets no old one");
    }
}
