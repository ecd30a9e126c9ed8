//! Flows, and every condition under which one is written.
//!
//! Every write names the revision that it was decided on, and raises it. A write that another one came before is refused, and the
//! caller learns whether the flow was completed or only changed. Attempts at a code are counted apart: counting decides nothing, and
//! clients count at the same time.

use super::{Flows, body};
use crate::db::{StoreError, send, unavailable, update_if};
use crate::item::{Item, count, doc, flag, incomplete, key, n, read_doc, read_json, string};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use latchkey_core::code::CodeFacts;
use latchkey_core::flow::{Flow, FlowName, FlowSpec};
use latchkey_core::form::Offer;
use latchkey_core::identity::CodeAddress;
use latchkey_core::method::MethodId;
use latchkey_platform::meter;
use serde::Deserialize;
use serde_json::json;
use time::Duration;
use uuid::Uuid;

/// How long an item outlives its end: an expired flow is still answered with what to do next.
pub(super) const KEPT_AFTER_EXPIRY: Duration = Duration::days(1);
/// The condition under which anything of a flow may still be written.
const NOT_DONE: &str = "attribute_exists(pk) AND attribute_not_exists(done)";

/// How far a flow has come, for readers that need nothing else of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether it was completed.
    pub done: bool,
    /// How often codes were sent in it.
    pub sends: u64,
    /// How many codes clients have tried in it.
    pub attempts: u64,
}

/// What became of writing a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It was written.
    Stored,
    /// Another submission completed it, or it is gone; nothing was written.
    Done,
    /// Another submission wrote it; nothing was written.
    Changed,
}

/// What a write does beside storing the facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transition {
    /// It completes the flow.
    Complete,
    /// It counts one more send of codes; with fresh attempts it forgets those that clients have made.
    SendCodes { fresh_attempts: bool },
}

impl Flows {
    /// Stores a new flow.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn begin<S: FlowSpec>(&self, flow: &Flow<S>) -> Result<(), StoreError> {
        self.put("PutItem flow", flow_item(flow)?).await
    }

    /// Reads a flow.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn get<S: FlowSpec>(&self, id: Uuid) -> Result<Option<Flow<S>>, StoreError> {
        self.read("GetItem flow", flow_key(S::NAME, id)).await?.as_ref().map(read_flow).transpose()
    }

    /// Reads how far a flow has come.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn status(&self, flow: FlowName, id: Uuid) -> Result<Option<Status>, StoreError> {
        let call = self
            .db
            .client()
            .await
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(flow_key(flow, id), None)))
            .projection_expression("pk, done, sends, attempts")
            .consistent_read(true)
            .send();
        let Some(item) = send("GetItem progress", call).await?.item else { return Ok(None) };
        let (sends, attempts) = (count(&item, "sends")?, count(&item, "attempts")?);
        Ok(Some(Status { done: flag(&item, "done"), sends, attempts }))
    }

    /// Stores the facts and the codes of a flow after a submission.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn save<S: FlowSpec>(&self, flow: &Flow<S>) -> Result<Saved, StoreError> {
        let with_codes = if flow.codes.sent.is_empty() { "" } else { ", codes = :codes" };
        let mut call = self
            .db
            .client()
            .await
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(flow_key(S::NAME, flow.id), None)))
            .update_expression(format!("SET doc = :doc, revision = :next{with_codes}"))
            .condition_expression(unchanged(flow.revision))
            .expression_attribute_values(":doc", doc(flow)?)
            .expression_attribute_values(":revision", n(flow.revision))
            .expression_attribute_values(":next", n(flow.revision + 1))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if !flow.codes.sent.is_empty() {
            call = call.expression_attribute_values(":codes", doc(&flow.codes.sent)?);
        }
        match meter::call("UpdateItem flow", call.send()).await {
            Ok(_) => Ok(Saved::Stored),
            Err(SdkError::ServiceError(e)) => match e.err() {
                UpdateItemError::ConditionalCheckFailedException(failed) => {
                    // A flow that is gone is as good as done.
                    let done = failed.item().is_none_or(|item| flag(item, "done"));
                    Ok(if done { Saved::Done } else { Saved::Changed })
                }
                _ => Err(unavailable(SdkError::ServiceError(e))),
            },
            Err(e) => Err(unavailable(e)),
        }
    }

    /// Counts an attempt at a code and reads the flow as it then is; `None` when it was completed or is gone.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn count_attempt<S: FlowSpec>(&self, id: Uuid) -> Result<Option<Flow<S>>, StoreError> {
        let call = self
            .db
            .client()
            .await
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(flow_key(S::NAME, id), None)))
            .update_expression("ADD attempts :one")
            .condition_expression(NOT_DONE)
            .expression_attribute_values(":one", n(1))
            .return_values(ReturnValue::AllNew);
        let counted = update_if("UpdateItem attempts", call).await?;
        counted.and_then(|counted| counted.attributes).as_ref().map(read_flow).transpose()
    }

    /// The part of a transaction that writes a flow.
    pub(crate) fn write<S: FlowSpec>(
        &self,
        flow: &Flow<S>,
        transition: Transition,
    ) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(flow_key(S::NAME, flow.id), None)))
            .condition_expression(unchanged(flow.revision))
            .expression_attribute_values(":doc", doc(flow)?)
            .expression_attribute_values(":revision", n(flow.revision))
            .expression_attribute_values(":next", n(flow.revision + 1))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let update = match transition {
            Transition::Complete => update
                .update_expression("SET doc = :doc, revision = :next, done = :done")
                .expression_attribute_values(":done", AttributeValue::Bool(true)),
            Transition::SendCodes { fresh_attempts } => {
                let afresh = if fresh_attempts { " REMOVE attempts" } else { "" };
                update
                    .update_expression(format!(
                        "SET doc = :doc, revision = :next, codes = :codes, sends = :sends{afresh}"
                    ))
                    .expression_attribute_values(":codes", doc(&flow.codes.sent)?)
                    .expression_attribute_values(":sends", n(flow.codes.sends + 1))
            }
        };
        Ok(TransactWriteItem::builder().update(update.build().map_err(incomplete)?).build())
    }
}

/// The condition that a flow is not completed and that nothing has written it since it was read.
fn unchanged(revision: u64) -> String {
    // Flows of the release before have no revision until this one writes them.
    let same =
        if revision == 0 { "(attribute_not_exists(revision) OR revision = :revision)" } else { "revision = :revision" };
    format!("{NOT_DONE} AND {same}")
}

pub(crate) fn flow_key(flow: FlowName, id: Uuid) -> String {
    format!("{}#{id}", flow.as_str())
}

pub(super) fn flow_item<S: FlowSpec>(flow: &Flow<S>) -> Result<Item, StoreError> {
    let mut item = key(flow_key(S::NAME, flow.id), None);
    item.extend(body(flow, flow.expires_at + KEPT_AFTER_EXPIRY)?);
    Ok(item)
}

pub(crate) fn read_flow<S: FlowSpec>(item: &Item) -> Result<Flow<S>, StoreError> {
    string(item, "pk")?;
    let mut flow: Flow<S> = read_doc(item)?;
    if flow.offers.is_none() {
        flow.offers = Some(offers_before(read_doc(item)?));
    }
    flow.codes = CodeFacts {
        sent: if item.contains_key("codes") { read_json(item, "codes")? } else { Vec::new() },
        sends: count(item, "sends")?,
        attempts: count(item, "attempts")?,
    };
    flow.done = flag(item, "done");
    flow.revision = count(item, "revision")?;
    Ok(flow)
}

/// What a flow of the release before keeps in place of offers.
#[derive(Deserialize)]
struct Before {
    #[serde(default)]
    confirming: Option<String>,
    #[serde(default)]
    form: FormBefore,
}

#[derive(Default, Deserialize)]
struct FormBefore {
    #[serde(default)]
    addresses: Vec<CodeAddress>,
}

/// The offers of a flow of the release before. It offers what its methods serve, which they know themselves.
fn offers_before(before: Before) -> Vec<Offer> {
    vec![
        Offer::new(MethodId::Password, &json!({"identifier": before.confirming})),
        Offer::new(MethodId::Code, &json!({"addresses": before.form.addresses})),
        Offer::plain(MethodId::IdentifierFirst),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::s;
    use latchkey_core::flow::Progress;
    use latchkey_core::flow::login::Login;
    use latchkey_core::form::{Layout, Screen};

    fn before(doc: &serde_json::Value) -> Item {
        let mut item = key("login#00000000-0000-4000-8000-000000000007", None);
        item.extend([("v".to_owned(), n(1)), ("doc".to_owned(), s(doc.to_string())), ("sends".to_owned(), n(2))]);
        item
    }

    /// A refresh as the release before stored it, once a code was refused.
    #[test]
    fn flow_of_the_release_before_is_read() {
        let doc = json!({
            "id": "00000000-0000-4000-8000-000000000007", "kind": "browser", "issued_at": "2026-07-29T10:00:00Z",
            "expires_at": "2026-07-29T11:00:00Z", "updated_at": "2026-07-29T10:01:00Z",
            "request_url": "https://auth.example/self-service/login/browser?refresh=true", "refresh": true,
            "requested_aal": "aal1", "confirming": "ada@example.org", "active": "code", "state": "sent_email",
            "form": {"identifier": "ada@example.org", "screen": {"code": {"bare": true}}, "made": "refused",
                "addresses": [{"via": "email", "value": "ada@example.org"}],
                "messages": [{"id": 4010008, "text": "wrong", "type": "error"}]},
        });
        let flow: Flow<Login> = read_flow(&before(&doc)).unwrap();
        assert_eq!((flow.state.refresh, flow.state.progress), (true, Progress::SentEmail));
        assert_eq!((&flow.form.screen, flow.form.layout), (&Screen::Code { bare: true }, Layout::Refusal));
        assert_eq!((flow.revision, flow.codes.sends, flow.done), (0, 2, false));
        let offers = flow.offers.as_ref().unwrap();
        assert_eq!(
            offers.iter().map(|offer| offer.method).collect::<Vec<_>>(),
            [MethodId::Password, MethodId::Code, MethodId::IdentifierFirst]
        );
        let facts: serde_json::Value = offers[0].facts();
        assert_eq!(facts, json!({"identifier": "ada@example.org"}));
        let facts: serde_json::Value = offers[1].facts();
        assert_eq!(facts["addresses"][0]["value"], "ada@example.org");
        // Written again, it has a revision and offers, and nothing is lost.
        let mut item = flow_item(&flow).unwrap();
        item.insert("revision".to_owned(), n(1));
        let again: Flow<Login> = read_flow(&item).unwrap();
        assert_eq!((again.offers, again.form, again.revision), (flow.offers, flow.form, 1));
    }

    #[test]
    fn unwritten_flow_may_have_no_revision() {
        assert!(unchanged(0).contains("attribute_not_exists(revision)"));
        assert!(!unchanged(1).contains("attribute_not_exists(revision)"));
    }
}
