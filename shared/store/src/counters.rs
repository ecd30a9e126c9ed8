//! The `counters` table: how often something was tried of late, one item per counter.

use crate::db::{Db, StoreError, unavailable};
use crate::env::{Environment, StartError};
use crate::item::{Item, key, n, number};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValue;
use futures_util::future::try_join_all;
use latchkey_core::brakes::{Brake, PARTS, part, part_name, wait};
use time::{Duration, OffsetDateTime};

/// How long a counter that cannot be written for load keeps people waiting.
const BUSY: Duration = Duration::seconds(5);

/// A handle for the `counters` table.
#[derive(Clone, Debug)]
pub struct Counters {
    db: Db,
    table: String,
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

    /// Counts an attempt everywhere it counts, at once; the longest wait where it was one too many. A counter that is throttled
    /// counts as over its limit: whoever can throttle it must not get past it.
    ///
    /// # Errors
    /// When the store fails otherwise.
    pub async fn raise(&self, brakes: &[Brake], now: OffsetDateTime) -> Result<Option<Duration>, StoreError> {
        let waits = try_join_all(brakes.iter().map(|brake| self.raise_one(brake, now))).await?;
        Ok(waits.into_iter().flatten().max())
    }

    /// Takes an attempt back that was none: whoever proves who they are has not guessed. What cannot be taken back stays.
    pub async fn lower(&self, brakes: &[Brake], now: OffsetDateTime) {
        let all = brakes.iter().map(|brake| self.lower_one(brake, now));
        futures_util::future::join_all(all).await;
    }

    async fn raise_one(&self, brake: &Brake, now: OffsetDateTime) -> Result<Option<Duration>, StoreError> {
        for _ in 0..3 {
            match self.count(brake, now).await {
                Ok(counted) => {
                    let at = |part| counted.get(&part_name(part)).map_or(Ok(0), |_| number(&counted, &part_name(part)));
                    return Ok(wait(|part| at(part).unwrap_or(u64::MAX / 64), brake.most, brake.window, now));
                }
                Err(error) => match error.as_service_error() {
                    Some(UpdateItemError::ConditionalCheckFailedException(_)) => {
                        // Nothing happened for a window, so what the item holds is of another time.
                        if self.begin_anew(brake, now).await? {
                            return Ok(None);
                        }
                    }
                    _ if is_throttled(error.code()) => return Ok(Some(BUSY)),
                    _ => return Err(unavailable(error)),
                },
            }
        }
        Ok(Some(BUSY))
    }

    async fn count(&self, brake: &Brake, now: OffsetDateTime) -> Result<Item, SdkError<UpdateItemError>> {
        let window = brake.window;
        let this = part(window, now);
        // Names come round, so those of the window before are cleared while this one goes on.
        let old: Vec<String> = (this - 2 * PARTS + 1..=this - PARTS).map(part_name).collect();
        let client = self.db.client().await;
        let call = client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(&brake.key, None)))
            .update_expression(format!(
                "ADD {} :one SET #until = :until, #ttl = :ttl REMOVE {}",
                part_name(this),
                old.join(", ")
            ))
            .condition_expression("attribute_not_exists(#until) OR #until > :now")
            .expression_attribute_names("#until", "until")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":now", n(now.unix_timestamp()))
            .expression_attribute_values(":until", n((now + window).unix_timestamp()))
            .expression_attribute_values(":ttl", n((now + window + window).unix_timestamp()))
            .return_values(ReturnValue::AllNew)
            .send();
        Ok(crate::meter::call("UpdateItem counter", call).await?.attributes.unwrap_or_default())
    }

    /// False when somebody else was first.
    async fn begin_anew(&self, brake: &Brake, now: OffsetDateTime) -> Result<bool, StoreError> {
        let window = brake.window;
        let mut item = key(&brake.key, None);
        item.extend([
            (part_name(part(window, now)), n(1)),
            ("until".to_owned(), n((now + window).unix_timestamp())),
            ("ttl".to_owned(), n((now + window + window).unix_timestamp())),
        ]);
        let call = self
            .db
            .client()
            .await
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("#until <= :now")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":now", n(now.unix_timestamp()))
            .send();
        match crate::meter::call("PutItem counter", call).await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(false),
            Err(e) if is_throttled(e.code()) => Ok(false),
            Err(e) => Err(unavailable(e)),
        }
    }

    async fn lower_one(&self, brake: &Brake, now: OffsetDateTime) {
        let client = self.db.client().await;
        let name = part_name(part(brake.window, now));
        let call = client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(&brake.key, None)))
            .update_expression(format!("ADD {name} :less"))
            .condition_expression(format!("{name} > :none"))
            .expression_attribute_values(":less", n(-1))
            .expression_attribute_values(":none", n(0))
            .send();
        // A count that stays is one attempt less for somebody who was right, no more.
        let _ = crate::meter::call("UpdateItem counter", call).await;
    }
}

fn is_throttled(code: Option<&str>) -> bool {
    matches!(code, Some("ProvisionedThroughputExceededException" | "ThrottlingException" | "RequestLimitExceeded"))
}
