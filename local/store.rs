//! The embedded store: DynamoDB's API on a port of this machine, with the template's tables.

use crate::template::Table;
use dynoxide::Database;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
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
    for table in tables {
        if list.table_names.contains(&table.name) {
            if is_as_wanted(db, table)? {
                continue;
            }
            let request = serde_json::from_value(json!({"TableName": table.name})).map_err(|e| text(&e))?;
            db.delete_table(request).map_err(|e| text(&e))?;
        }
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

/// Whether a table that is there has the indexes and the stream that it should. One that has not, and nothing in it, may be made
/// anew; one with something in it is left to whoever put it there.
fn is_as_wanted(db: &Database, table: &Table) -> Result<bool, String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let named = json!({"TableName": table.name});
    let request = serde_json::from_value(named.clone()).map_err(|e| text(&e))?;
    let there = serde_json::to_value(db.describe_table(request).map_err(|e| text(&e))?).map_err(|e| text(&e))?;
    let names = |table: &Value| {
        let indexes = table["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
        let mut names: Vec<String> = indexes.map(|index| index["IndexName"].to_string()).collect();
        names.sort();
        (names, table["StreamSpecification"]["StreamViewType"].clone())
    };
    if names(&there["Table"]) == names(&table.create) {
        return Ok(true);
    }
    let mut scan = named;
    scan["Limit"] = json!(1);
    let found = db.scan(serde_json::from_value(scan).map_err(|e| text(&e))?).map_err(|e| text(&e))?;
    let found = serde_json::to_value(found).map_err(|e| text(&e))?;
    match found["Count"].as_u64() {
        Some(0) => Ok(false),
        _ => Err(format!("{} was made by another release and is not empty; start with another folder", table.name)),
    }
}

/// A client of a store's API that knows no AWS SDK; for looking into an embedded store, which checks no signatures.
#[derive(Clone, Debug)]
pub struct Client {
    http: legacy::Client<HttpConnector, Full<Bytes>>,
    endpoint: String,
    key: String,
}

impl Client {
    /// A client of the store at an address. By the access key DynamoDB Local keeps databases apart.
    pub fn new(endpoint: &str, key: &str) -> Self {
        let http = legacy::Client::builder(TokioExecutor::new()).build_http();
        Self { http, endpoint: endpoint.to_owned(), key: key.to_owned() }
    }

    /// Calls the API of tables.
    ///
    /// # Errors
    /// What the store said, or why it could not be asked.
    pub async fn call(&self, operation: &str, request: &Value) -> Result<Value, String> {
        self.send(&format!("DynamoDB_20120810.{operation}"), request).await
    }

    /// Calls the API of streams.
    ///
    /// # Errors
    /// What the store said, or why it could not be asked.
    pub async fn stream(&self, operation: &str, request: &Value) -> Result<Value, String> {
        self.send(&format!("DynamoDBStreams_20120810.{operation}"), request).await
    }

    /// Calls either, by the whole name of the operation.
    ///
    /// # Errors
    /// What the store said, or why it could not be asked.
    pub async fn send(&self, target: &str, request: &Value) -> Result<Value, String> {
        let (endpoint, key) = (&self.endpoint, &self.key);
        let credential = format!("Credential={key}/20260101/local/dynamodb/aws4_request");
        let request = http::Request::post(endpoint)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", target)
            .header("x-amz-date", "20260101T000000Z")
            .header("authorization", format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"))
            .body(Full::new(Bytes::from(request.to_string())))
            .map_err(|e| e.to_string())?;
        let response = self.http.request(request).await.map_err(|e| format!("{endpoint}: {e}"))?;
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(|e| format!("{endpoint}: {e}"))?.to_bytes();
        let answer: Value = serde_json::from_slice(&bytes).map_err(|e| format!("{endpoint}: {status}: {e}"))?;
        if status.is_success() { Ok(answer) } else { Err(answer.to_string()) }
    }
}
