//! DynamoDB's API over the embedded database: the operations that functions and this stack use, by HTTP behind the guard.
//!
//! The database comes with a server of its own, but that one answers pages of every site and takes any key. This server replaces it.
//! It also signals writes, so that readers of streams need not poll.

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use dynoxide::{Database, DynoxideError};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tokio::sync::watch;

/// DynamoDB takes bodies of 16 MB.
const MOST_BODY: usize = 16 * 1024 * 1024;
const TYPE: [(&str, &str); 1] = [("content-type", "application/x-amz-json-1.0")];
const TABLES: &str = "DynamoDB_20120810.";
const STREAMS: &str = "DynamoDBStreams_20120810.";

/// Signals that a table with a stream was written to.
pub(crate) type Writes = watch::Sender<()>;

struct Api {
    db: Database,
    /// Names of the tables that have a stream.
    streamed: Vec<String>,
    writes: Writes,
}

/// The API as a service.
pub(crate) fn router(db: Database, streamed: Vec<String>, writes: Writes) -> Router {
    Router::new().route("/", post(answer)).layer(DefaultBodyLimit::max(MOST_BODY)).with_state(Arc::new(Api {
        db,
        streamed,
        writes,
    }))
}

async fn answer(State(api): State<Arc<Api>>, headers: HeaderMap, body: String) -> Response {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = target.strip_prefix(TABLES).or_else(|| target.strip_prefix(STREAMS)).unwrap_or_default();
    let (status, answer) = match run(&api.db, operation, &body) {
        Ok(answer) => (StatusCode::OK, answer),
        Err(error) => {
            let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::BAD_REQUEST);
            (status, error.to_json())
        }
    };
    // A table's name within a value only costs a reader one read too many.
    if status == StatusCode::OK && writes(operation) && api.streamed.iter().any(|table| body.contains(table)) {
        api.writes.send_replace(());
    }
    (status, TYPE, answer).into_response()
}

fn writes(operation: &str) -> bool {
    matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems")
}

fn run(db: &Database, operation: &str, body: &str) -> dynoxide::Result<String> {
    match operation {
        "GetItem" => call(body, |request| db.get_item(request)),
        "PutItem" => call(body, |request| db.put_item(request)),
        "UpdateItem" => call(body, |request| db.update_item(request)),
        "DeleteItem" => call(body, |request| db.delete_item(request)),
        "Query" => call(body, |request| db.query(request)),
        "Scan" => call(body, |request| db.scan(request)),
        "BatchGetItem" => call(body, |request| db.batch_get_item(request)),
        "BatchWriteItem" => call(body, |request| db.batch_write_item(request)),
        "TransactGetItems" => call(body, |request| db.transact_get_items(request)),
        "TransactWriteItems" => call(body, |request| db.transact_write_items(request)),
        "CreateTable" => call(body, |request| db.create_table(request)),
        "DeleteTable" => call(body, |request| db.delete_table(request)),
        "DescribeTable" => call(body, |request| db.describe_table(request)),
        "ListTables" => call(body, |request| db.list_tables(request)),
        "DescribeStream" => call(body, |request| db.describe_stream(request)),
        "GetShardIterator" => call(body, |request| db.get_shard_iterator(request)),
        "GetRecords" => call(body, |request| db.get_records(request)),
        _ => Err(DynoxideError::UnsupportedCapability(format!("{operation:?} is not part of this store"))),
    }
}

fn call<Q: DeserializeOwned, A: Serialize>(
    body: &str,
    operation: impl FnOnce(Q) -> dynoxide::Result<A>,
) -> dynoxide::Result<String> {
    let request = serde_json::from_str(body).map_err(|e| DynoxideError::ValidationException(e.to_string()))?;
    serde_json::to_string(&operation(request)?).map_err(|e| DynoxideError::InternalServerError(e.to_string()))
}
