//! The `counters` table: how often something was tried of late, one item per counter.

use crate::db::{Db, StoreError, unavailable};
use crate::item::{Item, key, n, number, string};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValue;
use futures_util::future::{OptionFuture, join, try_join, try_join_all};
use latchkey_core::rate_limit::{Failures, MONTH, RateLimit, Span};
use latchkey_platform::{Environment, StartError, meter};
use std::collections::HashMap;
use time::{Duration, OffsetDateTime};

/// How long a counter that cannot be written for load keeps clients waiting.
const BUSY: Duration = Duration::seconds(5);
/// Failures since the last success, in the counter of a bound.
const ROW: &str = "run";
/// What stands for a count that cannot be read: over every limit.
const UNREADABLE: u64 = u64::MAX / 64;

/// A handle for the `counters` table.
#[derive(Clone, Debug)]
pub struct Counters {
    db: Db,
    table: String,
}

/// Counters as they were read.
#[derive(Clone, Debug, Default)]
pub struct Counts(HashMap<String, Item>);

impl Counts {
    pub(crate) fn of(items: &[Item]) -> Result<Self, StoreError> {
        let keyed = |item: &Item| Ok((string(item, "pk")?.to_owned(), item.clone()));
        Ok(Self(items.iter().map(keyed).collect::<Result<_, StoreError>>()?))
    }

    /// How long to wait until there is room for one more; `None` when there is room.
    pub fn wait(&self, limit: &RateLimit, now: OffsetDateTime) -> Option<Duration> {
        let item = self.live(&limit.key, now)?;
        limit.span().wait(|part| at(item, limit.span(), part), limit.most, now)
    }

    /// The failures that a counter holds.
    pub fn failures(&self, key: &str, now: OffsetDateTime) -> Failures {
        self.live(key, now).map(|item| failures_in(item, now)).unwrap_or_default()
    }

    /// A counter that has slept for its whole span holds what is of another time.
    fn live(&self, key: &str, now: OffsetDateTime) -> Option<&Item> {
        let item = self.0.get(key)?;
        (number::<i64>(item, "until").unwrap_or(i64::MAX) > now.unix_timestamp()).then_some(item)
    }
}

/// What of a counter is written at once.
#[derive(Clone, Copy)]
struct Tally<'a> {
    key: &'a str,
    span: Span,
    /// Whether it counts failures in a row too.
    rows: bool,
}

impl<'a> Tally<'a> {
    fn of(limit: &'a RateLimit) -> Self {
        Self { key: &limit.key, span: limit.span(), rows: false }
    }

    fn failures(key: &'a str) -> Self {
        Self { key, span: MONTH, rows: true }
    }
}

impl Counters {
    /// The table named by `LATCHKEY_TABLE_COUNTERS`.
    ///
    /// # Errors
    /// When the variable is missing.
    pub fn open(db: &Db, env: &Environment) -> Result<Self, StartError> {
        let table = env.require("LATCHKEY_TABLE_COUNTERS", "the name of the table of counters")?.to_owned();
        Ok(Self { db: db.clone(), table })
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    pub(crate) fn item_key(name: &str) -> Item {
        key(name, None)
    }

    /// Counts an attempt in all its counters at the same time. Gives the longest wait of the limits that it exceeds, and the failures
    /// that the bound then counts. A counter that DynamoDB throttles counts as over its limit, because a client that can throttle a
    /// counter must not get past it.
    ///
    /// # Errors
    /// When the store fails otherwise.
    pub async fn raise(
        &self,
        limits: &[RateLimit],
        failures: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<(Option<Duration>, Failures), StoreError> {
        let waits = try_join_all(limits.iter().map(|limit| Box::pin(self.raise_limit(limit, now))));
        let bound = OptionFuture::from(failures.map(|key| Box::pin(self.raise_one(Tally::failures(key), now))));
        let (waits, bound) = try_join(waits, async { bound.await.transpose() }).await?;
        let failures = bound.map(|item| item.map_or(Failures::FULL, |item| failures_in(&item, now)));
        Ok((waits.into_iter().flatten().max(), failures.unwrap_or_default()))
    }

    /// Takes an attempt back after a client has proven its identity: it was no guess, and it ends a row of failures. A counter that
    /// cannot be written keeps the attempt.
    pub async fn lower(&self, limits: &[RateLimit], failures: Option<&str>, now: OffsetDateTime) {
        // On the heap: the SDK's futures are large, and they would add up along the chain of callers.
        let all = limits.iter().map(|limit| Box::pin(self.lower_one(Tally::of(limit), now)));
        let bound = OptionFuture::from(failures.map(|key| Box::pin(self.lower_one(Tally::failures(key), now))));
        join(futures_util::future::join_all(all), bound).await;
    }

    async fn raise_limit(&self, limit: &RateLimit, now: OffsetDateTime) -> Result<Option<Duration>, StoreError> {
        let Some(item) = self.raise_one(Tally::of(limit), now).await? else { return Ok(Some(BUSY)) };
        let counted = |part| at(&item, limit.span(), part);
        // This attempt is among them.
        let is_over = limit.span().sum(counted, now) > u64::from(limit.most);
        Ok(limit.span().wait(counted, limit.most, now).filter(|_| is_over))
    }

    /// The counter as it then is; `None` when it is throttled.
    async fn raise_one(&self, tally: Tally<'_>, now: OffsetDateTime) -> Result<Option<Item>, StoreError> {
        for _ in 0..3 {
            match self.count(tally, now).await {
                Ok(item) => return Ok(Some(item)),
                Err(error) => match error.as_service_error() {
                    Some(UpdateItemError::ConditionalCheckFailedException(_)) => {
                        // Nothing happened for the whole span, so what the item holds is of another time.
                        if let Some(item) = self.begin_anew(tally, now).await? {
                            return Ok(Some(item));
                        }
                    }
                    _ if is_throttled(error.code()) => return Ok(None),
                    _ => return Err(unavailable(error)),
                },
            }
        }
        Ok(None)
    }

    async fn count(&self, tally: Tally<'_>, now: OffsetDateTime) -> Result<Item, SdkError<UpdateItemError>> {
        let span = tally.span;
        // Names come round, so those of the span before are cleared while this one goes on.
        let old: Vec<String> = span.stale(now).map(|part| span.name(part)).collect();
        let row = if tally.rows { ", #row :one" } else { "" };
        let client = self.db.client().await;
        let mut call = client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(tally.key, None)))
            .update_expression(format!(
                "ADD {} :one{row} SET #until = :until, #ttl = :ttl REMOVE {}",
                span.name(span.part(now)),
                old.join(", ")
            ))
            .condition_expression("attribute_not_exists(#until) OR #until > :now")
            .expression_attribute_names("#until", "until")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":now", n(now.unix_timestamp()))
            .expression_attribute_values(":until", n((now + span.length).unix_timestamp()))
            .expression_attribute_values(":ttl", n((now + span.length + span.length).unix_timestamp()))
            .return_values(ReturnValue::AllNew);
        if tally.rows {
            call = call.expression_attribute_names("#row", ROW);
        }
        Ok(meter::call("UpdateItem counter", call.send()).await?.attributes.unwrap_or_default())
    }

    /// `None` when another request was first.
    async fn begin_anew(&self, tally: Tally<'_>, now: OffsetDateTime) -> Result<Option<Item>, StoreError> {
        let span = tally.span;
        let mut item = key(tally.key, None);
        item.extend([
            (span.name(span.part(now)), n(1)),
            ("until".to_owned(), n((now + span.length).unix_timestamp())),
            ("ttl".to_owned(), n((now + span.length + span.length).unix_timestamp())),
        ]);
        if tally.rows {
            item.insert(ROW.to_owned(), n(1));
        }
        let call = self
            .db
            .client()
            .await
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item.clone()))
            .condition_expression("#until <= :now")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":now", n(now.unix_timestamp()))
            .send();
        match meter::call("PutItem counter", call).await {
            Ok(_) => Ok(Some(item)),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(None),
            Err(e) if is_throttled(e.code()) => Ok(None),
            Err(e) => Err(unavailable(e)),
        }
    }

    async fn lower_one(&self, tally: Tally<'_>, now: OffsetDateTime) {
        let client = self.db.client().await;
        let name = tally.span.name(tally.span.part(now));
        let row = if tally.rows { " SET #row = :none" } else { "" };
        let mut call = client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(tally.key, None)))
            .update_expression(format!("ADD {name} :less{row}"))
            .condition_expression(format!("{name} > :none"))
            .expression_attribute_values(":less", n(-1))
            .expression_attribute_values(":none", n(0));
        if tally.rows {
            call = call.expression_attribute_names("#row", ROW);
        }
        // When this write fails, a client that was right has one attempt less, and no other harm is done.
        let _ = meter::call("UpdateItem counter", call.send()).await;
    }
}

fn at(item: &Item, span: Span, part: i64) -> u64 {
    let name = span.name(part);
    item.get(&name).map_or(0, |_| number(item, &name).unwrap_or(UNREADABLE))
}

fn failures_in(item: &Item, now: OffsetDateTime) -> Failures {
    let counted = |part| at(item, MONTH, part);
    Failures {
        in_a_row: item.get(ROW).map_or(0, |_| number(item, ROW).unwrap_or(UNREADABLE)),
        month: MONTH.sum(counted, now),
        today: counted(MONTH.part(now)),
    }
}

fn is_throttled(code: Option<&str>) -> bool {
    matches!(code, Some("ProvisionedThroughputExceededException" | "ThrottlingException" | "RequestLimitExceeded"))
}
