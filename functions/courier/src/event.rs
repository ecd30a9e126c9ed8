//! What Lambda brings: records of a table's stream, or messages of a queue.

use lambda_http::Error;
use latchkey_core::courier::Dispatch;
use latchkey_store::erasure::{Round, erasure_of};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// The records of one event.
#[derive(Debug)]
pub(crate) struct Batch {
    /// `stream` or `queue`, for the log.
    pub(crate) source: &'static str,
    pub(crate) tasks: Vec<Task>,
}

/// One record.
#[derive(Debug)]
pub(crate) struct Task {
    /// By what Lambda knows the record.
    pub(crate) record: String,
    pub(crate) errand: Errand,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Errand {
    /// A message is to be sent.
    Send(Uuid),
    /// It was sent, and that could not be recorded.
    Record(Uuid, Confirmed),
    /// Messages to addresses that no identity has any more are to be erased.
    Erase(Uuid, Round),
    /// The record cannot be read.
    Unknown,
}

/// What is to be recorded of a message that was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Confirmed {
    /// The claim under which it was sent.
    pub(crate) claim: Uuid,
    pub(crate) dispatch: Dispatch,
}

/// An errand in the queue.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Body {
    /// About a message.
    Message {
        message: Uuid,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        confirmed: Option<Confirmed>,
    },
    /// The last round of an erasure.
    Erase { erase: Uuid },
}

impl Batch {
    /// Reads an event. A record that cannot be read is a task too, and holds up no other.
    ///
    /// # Errors
    /// When the event is of another kind, so that a function with a wrong event source is noticed.
    pub(crate) fn parse(event: &str) -> Result<Self, Error> {
        let event: Value = serde_json::from_str(event)?;
        let records = event["Records"].as_array().ok_or("expected an event with Records")?;
        let is_of = |source: &str| records.iter().all(|record| record["eventSource"] == source);
        let (source, read): (_, fn(&Value) -> Task) = if is_of("aws:dynamodb") {
            ("stream", of_stream)
        } else if is_of("aws:sqs") {
            ("queue", of_queue)
        } else {
            return Err("expected records of a DynamoDB stream or of an SQS queue".into());
        };
        Ok(Self { source, tasks: records.iter().map(read).collect() })
    }
}

fn of_stream(record: &Value) -> Task {
    let change = &record["dynamodb"];
    let pk = change["Keys"]["pk"]["S"].as_str().unwrap_or_default();
    Task {
        record: change["SequenceNumber"].as_str().unwrap_or_default().to_owned(),
        errand: match (Uuid::try_parse(pk), erasure_of(pk)) {
            (Ok(message), _) => Errand::Send(message),
            (_, Some(erasure)) => Errand::Erase(erasure, Round::First),
            _ => Errand::Unknown,
        },
    }
}

fn of_queue(record: &Value) -> Task {
    let body = record["body"].as_str().and_then(|body| serde_json::from_str::<Body>(body).ok());
    Task {
        record: record["messageId"].as_str().unwrap_or_default().to_owned(),
        errand: match body {
            None => Errand::Unknown,
            Some(Body::Message { message, confirmed: None }) => Errand::Send(message),
            Some(Body::Message { message, confirmed: Some(confirmed) }) => Errand::Record(message, confirmed),
            Some(Body::Erase { erase }) => Errand::Erase(erase, Round::Last),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: Uuid = Uuid::from_u128(7);

    fn tasks(records: Value) -> Vec<(String, Errand)> {
        let batch = Batch::parse(&json!({"Records": records}).to_string()).unwrap();
        batch.tasks.into_iter().map(|task| (task.record, task.errand)).collect()
    }

    #[test]
    fn stream_and_queue_records_become_tasks() {
        let change = json!({"Keys": {"pk": {"S": ID.to_string()}}, "SequenceNumber": "1"});
        let stream = json!([{"eventSource": "aws:dynamodb", "eventName": "INSERT", "dynamodb": change}]);
        assert_eq!(tasks(stream), [("1".to_owned(), Errand::Send(ID))]);
        let confirmed = Confirmed {
            claim: Uuid::from_u128(8),
            dispatch: Dispatch { id: ID, error: None, at: time::OffsetDateTime::UNIX_EPOCH },
        };
        let queue = json!([
            {"eventSource": "aws:sqs", "messageId": "m", "body": json!({"message": ID}).to_string()},
            {"eventSource": "aws:sqs", "messageId": "n", "body": json!({"message": ID, "confirmed": confirmed}).to_string()},
            {"eventSource": "aws:sqs", "messageId": "o", "body": json!({"erase": ID}).to_string()},
        ]);
        let expected = [
            ("m".to_owned(), Errand::Send(ID)),
            ("n".to_owned(), Errand::Record(ID, confirmed)),
            ("o".to_owned(), Errand::Erase(ID, Round::Last)),
        ];
        assert_eq!(tasks(queue), expected);
        let change = json!({"Keys": {"pk": {"S": format!("erasure#{ID}")}}, "SequenceNumber": "2"});
        let stream = json!([{"eventSource": "aws:dynamodb", "eventName": "INSERT", "dynamodb": change}]);
        assert_eq!(tasks(stream), [("2".to_owned(), Errand::Erase(ID, Round::First))]);
    }

    #[test]
    fn unreadable_record_is_a_task_of_its_own() {
        for odd in [json!({}), json!({"dynamodb": 1}), json!({"dynamodb": {"Keys": {"pk": {"S": "x"}}}})] {
            let mut record = odd;
            record["eventSource"] = json!("aws:dynamodb");
            assert_eq!(tasks(json!([record])), [(String::new(), Errand::Unknown)]);
        }
        for body in [json!(null), json!("x"), json!("{}"), json!(r#"{"message":"x"}"#)] {
            let record = json!([{"eventSource": "aws:sqs", "messageId": "m", "body": body}]);
            assert_eq!(tasks(record), [("m".to_owned(), Errand::Unknown)], "{body}");
        }
        for other in ["{}", "[]", "x", r#"{"Records":[{"eventSource":"aws:s3"}]}"#] {
            assert!(Batch::parse(other).is_err(), "{other}");
        }
    }
}
