//! Batches in flight: what fits into one, and its result.

use super::lines::{Batch, Item, Refused};
use super::state::Place;
use crate::cli::Failure;
use crate::cli::api::{Admin, encoded, explain, id_of};
use admin_identities::{MOST_IDENTITIES, MOST_PASSWORDS};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use hyper::body::Bytes;
use latchkey_core::bounds::LARGEST_ADMIN_BODY;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// Most bytes of a batch as a JSON string within an event, which is how a function receives it.
const MOST_ESCAPED: usize = 5_700_000;
/// How often a batch is tried, with a longer pause each time.
const TRIES: u32 = 6;
/// Ids per lookup; more would make the request line too long.
const ASKED: usize = 100;

/// The size of batches. It shrinks when the stack could not finish one in time.
pub(super) struct Limits {
    identities: AtomicUsize,
    passwords: AtomicUsize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { identities: AtomicUsize::new(MOST_IDENTITIES), passwords: AtomicUsize::new(MOST_PASSWORDS) }
    }
}

/// The room that is left in a batch.
pub(super) struct Room {
    lines: usize,
    identities: usize,
    passwords: usize,
    bytes: usize,
    escaped: usize,
}

impl Limits {
    pub(super) fn room(&self) -> Room {
        Room {
            lines: MOST_IDENTITIES,
            identities: self.identities.load(Ordering::Relaxed),
            passwords: self.passwords.load(Ordering::Relaxed),
            bytes: LARGEST_ADMIN_BODY - 64,
            escaped: MOST_ESCAPED - 64,
        }
    }

    /// Halves the size of later batches after one that was too large.
    fn shrink(&self, items: &[Item]) {
        self.identities.fetch_min((items.len() / 2).max(1), Ordering::Relaxed);
        let passwords = items.iter().filter(|item| item.in_clear).count();
        if passwords > 0 {
            self.passwords.fetch_min((passwords / 2).max(1), Ordering::Relaxed);
        }
    }
}

impl Room {
    /// Takes the room of a line and its identity, if there is enough.
    pub(super) fn take(&mut self, line: usize, item: Option<&Item>) -> bool {
        // A refused line is kept until the batch is settled, so it counts as well.
        let bytes = item.map_or(line, |item| item.body.len().max(line)) + 1;
        let escaped = item.map_or(line, |item| escaped(&item.body)) + 1;
        let (identities, passwords) =
            (usize::from(item.is_some()), usize::from(item.is_some_and(|item| item.in_clear)));
        let rooms = [
            (&mut self.lines, 1),
            (&mut self.identities, identities),
            (&mut self.passwords, passwords),
            (&mut self.bytes, bytes),
            (&mut self.escaped, escaped),
        ];
        let fits = rooms.iter().all(|(room, wanted)| **room >= *wanted);
        for (room, wanted) in rooms {
            *room = room.saturating_sub(wanted);
        }
        fits
    }
}

/// The length of a JSON text as a string within JSON.
fn escaped(text: &str) -> usize {
    text.len() + text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

/// The result of a batch.
pub(super) struct Settled {
    pub(super) created: u64,
    /// Refused lines in the order of the file.
    pub(super) refused: Vec<Refused>,
    pub(super) end: Place,
    pub(super) digest: String,
}

/// The result of one request.
enum Attempt {
    /// One answer per item.
    Answered(Vec<Value>),
    /// The stack was busy, or the batch was too large.
    Later(Failure),
}

/// Sends batches.
#[derive(Clone, Copy)]
pub(super) struct Sender<'a> {
    pub(super) admin: &'a Admin,
    pub(super) limits: &'a Limits,
}

impl Sender<'_> {
    /// Sends a batch until every line of it is created or refused.
    ///
    /// # Errors
    /// When the stack does not answer, or refuses the whole batch.
    pub(super) async fn settle(self, batch: Batch) -> Result<Settled, Failure> {
        let Batch { items, mut refused, end, digest } = batch;
        let mut created = 0;
        let mut open = vec![items];
        while let Some(mut items) = open.pop().filter(|items| !items.is_empty()) {
            match self.send(&mut items).await? {
                Some(answers) => {
                    let failed = self.failed(items, &answers).await?;
                    created += (answers.len() - failed.len()) as u64;
                    refused.extend(failed);
                }
                // The first half is sent first.
                None => {
                    let second = items.split_off(items.len().div_ceil(2));
                    open.extend([second, items]);
                }
            }
        }
        refused.sort_by_key(|refused| refused.line);
        Ok(Settled { created, refused, end, digest })
    }

    /// Sends items. Returns `None` when they are too many for one request.
    async fn send(self, items: &mut [Item]) -> Result<Option<Vec<Value>>, Failure> {
        let mut tries = 0;
        loop {
            match self.attempt(items).await? {
                Attempt::Answered(answers) => return Ok(Some(answers)),
                Attempt::Later(_) if items.len() > 1 && tries > 0 => {
                    self.limits.shrink(items);
                    return Ok(None);
                }
                Attempt::Later(why) if tries + 1 == TRIES => return Err(why),
                // The batch may have been done although its answer was lost.
                Attempt::Later(_) => items.iter_mut().for_each(|item| item.doubtful = true),
            }
            pause(Duration::from_millis(500) * 2u32.pow(tries)).await;
            tries += 1;
        }
    }

    async fn attempt(self, items: &[Item]) -> Result<Attempt, Failure> {
        let bodies: Vec<&str> = items.iter().map(|item| item.body.as_str()).collect();
        let body = format!("{{\"identities\":[{}]}}", bodies.join(","));
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let sent = self.admin.send(Method::PATCH, "/admin/identities", None, headers, Bytes::from(body)).await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(why) => return Ok(Attempt::Later(why)),
        };
        let status = answer.status.as_u16();
        if status == 200 {
            let mut body = answer.json();
            return match body["identities"].take() {
                Value::Array(answers) if answers.len() == items.len() => Ok(Attempt::Answered(answers)),
                _ => Err(Failure::refused(
                    "the admin API did not answer for every line of a batch: is it of this release?",
                )),
            };
        }
        if status == 413 && items.len() == 1 {
            return Ok(Attempt::Answered(vec![
                json!({"error": {"code": 413, "message": "the line is too long for a request"}}),
            ]));
        }
        let refusal = self.admin.refusal(&answer);
        if status >= 500 || matches!(status, 413 | 429) { Ok(Attempt::Later(refusal)) } else { Err(refusal) }
    }

    /// The items that created no identity.
    async fn failed(self, items: Vec<Item>, answers: &[Value]) -> Result<Vec<Refused>, Failure> {
        let failed: Vec<(Item, &Value)> =
            items.into_iter().zip(answers).filter(|(_, answer)| answer["action"] != "create").collect();
        let conflicts = |(item, answer): &&(Item, &Value)| item.doubtful && answer["error"]["code"] == 409;
        let there = self.there(failed.iter().filter(conflicts).map(|(item, _)| item.id).collect()).await?;
        let gone = failed.into_iter().filter(|(item, _)| !there.contains(&item.id));
        Ok(gone.map(|(item, answer)| Refused { line: item.line, reason: reason(answer), text: item.text }).collect())
    }

    /// Which of these ids belong to an existing identity.
    async fn there(self, ids: Vec<Uuid>) -> Result<BTreeSet<Uuid>, Failure> {
        let mut there = BTreeSet::new();
        for chunk in ids.chunks(ASKED) {
            let texts: Vec<String> = chunk.iter().map(Uuid::to_string).collect();
            let pairs: Vec<(&str, &str)> = texts.iter().map(|id| ("ids", id.as_str())).collect();
            let found = self.admin.call(Method::GET, "/admin/identities", Some(&encoded(&pairs)), None).await?.json();
            there.extend(found.as_array().into_iter().flatten().filter_map(id_of));
        }
        Ok(there)
    }
}

fn reason(answer: &Value) -> String {
    let error = &answer["error"];
    if error["code"] == 409 {
        return "another identity has this id, identifier, address or external id already".to_owned();
    }
    explain(error).unwrap_or_else(|| "the admin API refused it without a reason".to_owned())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a client that was told to come back later waits; no request hangs on it"
)]
async fn pause(how_long: Duration) {
    tokio::time::sleep(how_long).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(body: usize, in_clear: bool) -> Item {
        Item { line: 1, text: Vec::new(), id: Uuid::nil(), body: "x".repeat(body), in_clear, doubtful: false }
    }

    fn fit(item: &Item) -> usize {
        let mut room = Limits::default().room();
        (0..).take_while(|_| room.take(1, Some(item))).count()
    }

    #[test]
    fn batch_keeps_every_limit() {
        assert_eq!(fit(&item(10, false)), 1000);
        assert_eq!(fit(&item(10, true)), 200);
        assert_eq!(fit(&item(1024 * 1024, false)), 4);
        let quotes = Item { body: "\"".repeat(1_000_000), ..item(0, false) };
        assert_eq!(fit(&quotes), 2, "as a text within an event it is twice as long");
        let mut room = Limits::default().room();
        assert_eq!(
            (0..).take_while(|_| room.take(1024 * 1024, None)).count(),
            4,
            "refused lines are kept in memory too"
        );
    }

    #[test]
    fn batches_shrink_after_one_too_large() {
        let limits = Limits::default();
        limits.shrink(&[item(1, true), item(1, true), item(1, false), item(1, false)]);
        let room = limits.room();
        assert_eq!((room.identities, room.passwords), (2, 1));
        limits.shrink(&[item(1, false)]);
        assert_eq!((limits.room().identities, limits.room().passwords), (1, 1));
    }
}
