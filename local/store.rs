//! The embedded store: DynamoDB's API on a port of this machine, with the template's tables.

use crate::dynamodb;
use crate::guard::{self, AccessKey, Audience, Guard};
use crate::secret::private_folder;
use crate::template::Table;
use dynoxide::Database;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// File of the store below the folder for state.
pub(crate) const FILE: &str = "latchkey.db";

/// Suffixes of the files that SQLite keeps beside it.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A running store.
#[derive(Debug)]
pub struct Store {
    /// The address at which functions reach it.
    pub endpoint: String,
    /// The access key that it demands.
    pub key: AccessKey,
    /// Signals that a table with a stream was written to.
    pub writes: watch::Receiver<()>,
}

impl Store {
    /// Starts a store with these tables, in memory or in a folder. Existing tables stay as they are.
    ///
    /// # Errors
    /// When the folder or the file cannot be used.
    pub async fn start(tables: &[Table], folder: Option<&Path>) -> Result<Self, String> {
        let db = match folder {
            None => Database::memory().map_err(|e| format!("the store cannot start: {e}"))?,
            Some(folder) => open(folder).map_err(|e| format!("--data {}: {e}", folder.display()))?,
        };
        create(&db, tables).map_err(|e| format!("the store's tables cannot be made: {e}"))?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|e| format!("the store cannot listen: {e}"))?;
        let address = listener.local_addr().map_err(|e| format!("the store cannot listen: {e}"))?;
        let streamed = tables.iter().filter(|table| !table.create["StreamSpecification"].is_null());
        let streamed = streamed.map(|table| table.name.clone()).collect();
        let (key, (sender, writes)) = (AccessKey::random(), watch::channel(()));
        let router = dynamodb::router(db, streamed, sender);
        let guard = Guard::new(Audience::Holders(key.clone()));
        tokio::spawn(async move { guard::serve(listener, guard, router).await.unwrap_or_default() });
        Ok(Self { endpoint: format!("http://{address}"), key, writes })
    }

    /// A client that holds the key.
    pub fn client(&self) -> Client {
        Client::new(&self.endpoint, self.key.expose())
    }
}

/// Opens the database of a folder. Password hashes must stay private on this machine, so only the owner can read the files, from
/// before anything is written. SQLite gives the files beside the database the same mode.
fn open(folder: &Path) -> Result<Database, String> {
    private_folder(folder).map_err(|e| e.to_string())?;
    let file = folder.join(FILE);
    let private = |path: &Path| std::fs::set_permissions(path, Permissions::from_mode(0o600));
    let made = OpenOptions::new().append(true).create(true).mode(0o600).open(&file);
    made.and_then(|_| private(&file)).map_err(|e| e.to_string())?;
    for end in BESIDE {
        let beside = folder.join(format!("{FILE}{end}"));
        if beside.is_file() {
            private(&beside).map_err(|e| e.to_string())?;
        }
    }
    Database::new(&file.to_string_lossy()).map_err(|e| e.to_string())
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

/// Whether an existing table has the indexes and the stream of the template. Missing indexes are added. An empty table that differs
/// otherwise may be created anew; one that holds items stays as it is.
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
    let (has, wants) = (names(&there["Table"]), names(&table.create));
    if has == wants {
        return Ok(true);
    }
    // A release may add an index, as a deployment would. The table's items enter it.
    if has.1 == wants.1 && has.0.iter().all(|name| wants.0.contains(name)) {
        for index in table.create["GlobalSecondaryIndexes"].as_array().into_iter().flatten() {
            if !has.0.contains(&index["IndexName"].to_string()) {
                let update = json!({
                    "TableName": table.name,
                    "AttributeDefinitions": table.create["AttributeDefinitions"],
                    "GlobalSecondaryIndexUpdates": [{ "Create": index }],
                });
                let request = serde_json::from_value(update).map_err(|e| text(&e))?;
                db.update_table(request).map_err(|e| text(&e))?;
            }
        }
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

/// A client of a store's API without the AWS SDK, for a store that checks no signatures.
#[derive(Clone)]
pub struct Client {
    http: legacy::Client<HttpConnector, Full<Bytes>>,
    endpoint: String,
    key: String,
}

impl Client {
    /// A client of the store at an address, with an access key.
    pub fn new(endpoint: &str, key: &str) -> Self {
        let http = legacy::Client::builder(TokioExecutor::new()).build_http();
        Self { http, endpoint: endpoint.to_owned(), key: key.to_owned() }
    }

    /// Where the store is.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The access key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Calls the API of tables.
    ///
    /// # Errors
    /// The store's error, or why it does not answer.
    pub async fn call(&self, operation: &str, request: &Value) -> Result<Value, String> {
        self.send(&format!("DynamoDB_20120810.{operation}"), request).await
    }

    /// Calls the API of streams.
    ///
    /// # Errors
    /// The store's error, or why it does not answer.
    pub async fn stream(&self, operation: &str, request: &Value) -> Result<Value, String> {
        self.send(&format!("DynamoDBStreams_20120810.{operation}"), request).await
    }

    /// Calls either API, by the full name of the operation.
    ///
    /// # Errors
    /// The store's error, or why it does not answer.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_index_of_a_newer_release_is_added_to_a_table() {
        let folder = tempfile::tempdir().unwrap();
        let create = json!({
            "TableName": "things",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        });
        let mut table = Table { resource: "Things".into(), name: "things".into(), create, ttl: None };
        let before = Store::start(std::slice::from_ref(&table), Some(folder.path())).await.unwrap();
        let item = json!({"pk": {"S": "a"}, "kind": {"S": "b"}});
        let put = json!({"TableName": "things", "Item": item});
        before.client().call("PutItem", &put).await.unwrap();
        table.create["AttributeDefinitions"]
            .as_array_mut()
            .unwrap()
            .push(json!({"AttributeName": "kind", "AttributeType": "S"}));
        table.create["GlobalSecondaryIndexes"] = json!([{
            "IndexName": "by-kind",
            "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }]);
        for _ in 0..2 {
            let after = Store::start(std::slice::from_ref(&table), Some(folder.path())).await.unwrap();
            let ask = json!({
                "TableName": "things", "IndexName": "by-kind", "KeyConditionExpression": "kind = :kind",
                "ExpressionAttributeValues": {":kind": {"S": "b"}},
            });
            let found = after.client().call("Query", &ask).await.unwrap();
            assert_eq!(found["Count"], 1, "{found}");
        }
    }
}
