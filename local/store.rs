//! The embedded store: DynamoDB's API on a port of this machine, with the template's tables.

use crate::template::Table;
use dynoxide::Database;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tokio::net::TcpListener;

/// File of a stack that keeps its state.
const FILE: &str = "latchkey.db";

/// A running store.
#[derive(Debug)]
pub struct Store {
    /// Where functions reach it.
    pub endpoint: String,
}

impl Store {
    /// Starts a store with these tables, in memory or in a folder. Tables that are there already stay as they are.
    ///
    /// # Errors
    /// When the folder or the file cannot be used.
    pub async fn start(tables: &[Table], folder: Option<&Path>) -> Result<Self, String> {
        let db = match folder {
            None => Database::memory().map_err(|e| format!("the store cannot start: {e}"))?,
            Some(folder) => {
                let unusable = |e: &dyn std::fmt::Display| format!("--data {}: {e}", folder.display());
                std::fs::create_dir_all(folder).map_err(|e| unusable(&e))?;
                let file = folder.join(FILE);
                let db = Database::new(&file.to_string_lossy()).map_err(|e| unusable(&e))?;
                // Password hashes are nobody else's business on this machine.
                std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).map_err(|e| unusable(&e))?;
                db
            }
        };
        create(&db, tables).map_err(|e| format!("the store's tables cannot be made: {e}"))?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| format!("the store cannot listen: {e}"))?;
        let address = listener.local_addr().map_err(|e| format!("the store cannot listen: {e}"))?;
        tokio::spawn(dynoxide::server::serve_on(listener, db));
        Ok(Self { endpoint: format!("http://{address}") })
    }
}

fn create(db: &Database, tables: &[Table]) -> Result<(), String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let list = db.list_tables(serde_json::from_value(json!({})).map_err(|e| text(&e))?).map_err(|e| text(&e))?;
    for table in tables.iter().filter(|table| !list.table_names.contains(&table.name)) {
        let request = serde_json::from_value(table.create.clone()).map_err(|e| text(&e))?;
        db.create_table(request).map_err(|e| text(&e))?;
        if let Some(attribute) = &table.ttl {
            let ttl = json!({
                "TableName": table.name,
                "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": true},
            });
            let request = serde_json::from_value(ttl).map_err(|e| text(&e))?;
            db.update_time_to_live(request).map_err(|e| text(&e))?;
        }
    }
    Ok(())
}

/// Calls a store's API as a client would that knows no AWS SDK; for looking into an embedded store, which checks no signatures.
///
/// # Errors
/// What the store said, or why it could not be asked.
pub async fn call(endpoint: &str, operation: &str, request: &Value) -> Result<Value, String> {
    call_as(endpoint, "local", operation, request).await
}

/// The same with an access key, by which DynamoDB Local keeps databases apart.
///
/// # Errors
/// What the store said, or why it could not be asked.
pub async fn call_as(endpoint: &str, key: &str, operation: &str, request: &Value) -> Result<Value, String> {
    let credential = format!("Credential={key}/20260101/local/dynamodb/aws4_request");
    let request = http::Request::post(endpoint)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .header("x-amz-date", "20260101T000000Z")
        .header("authorization", format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"))
        .body(Full::new(Bytes::from(request.to_string())))
        .map_err(|e| e.to_string())?;
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.map_err(|e| format!("{endpoint}: {e}"))?;
    let status = response.status();
    let bytes = response.into_body().collect().await.map_err(|e| format!("{endpoint}: {e}"))?.to_bytes();
    let answer: Value = serde_json::from_slice(&bytes).map_err(|e| format!("{endpoint}: {status}: {e}"))?;
    if status.is_success() { Ok(answer) } else { Err(answer.to_string()) }
}
