//! A store of another vendor in place of the embedded one: `LATCHKEY_TEST_DYNAMODB` names it (`cargo xtask emulators` sets it). All
//! tests of a run share it, so the tables of each test have a prefix, which is added and removed here. Features that a store lacks are
//! implemented here as far as its expressions, keys and item rules can then be tested: transactions are made of single writes, a stream
//! lists what those transactions added, and the item of a refused condition is read.
//! stream of what those transactions added, and the item of a refused condition is read.

use super::{dynamodb, unique};
use latchkey::store::Client;
use latchkey::template::Table;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tokio::sync::{Mutex, RwLock};

/// A store that tests share.
pub struct Emulator {
    client: Client,
    prefix: String,
    /// The key attributes of each table.
    keys: BTreeMap<String, Vec<String>>,
    /// Held for writing by a transaction that is made of single writes, so that no other call sees half of one.
    whole: RwLock<()>,
    /// Transactions that were done, by their token.
    done: Mutex<HashMap<String, Value>>,
    /// The tables that should have a stream.
    streams: BTreeSet<String>,
    /// The table and the key of added items.
    added: Mutex<Vec<Value>>,
}

impl Emulator {
    /// Makes the template's tables under a prefix of their own.
    pub async fn start(endpoint: &str, tables: &[Table]) -> Self {
        let keys = tables.iter().map(|table| (table.name.clone(), key_attributes(&table.create))).collect();
        let prefix = format!("{}-", unique("t"));
        let with_stream = tables.iter().filter(|table| table.create.get("StreamSpecification").is_some());
        let streams = with_stream.map(|table| table.name.clone()).collect();
        let (whole, done, added) = (RwLock::default(), Mutex::default(), Mutex::default());
        let client = Client::new(endpoint, "local");
        let store = Self { client, prefix, keys, whole, done, streams, added };
        for table in tables {
            let (status, answer) = store.call("DynamoDB_20120810.CreateTable", &table.create).await;
            assert!(status == 200, "{answer}");
        }
        for table in tables {
            super::eventually("a table", async || {
                let named = json!({"TableName": table.name});
                let (_, answer) = store.call("DynamoDB_20120810.DescribeTable", &named).await;
                (answer["Table"]["TableStatus"] == "ACTIVE").then_some(())
            })
            .await;
        }
        store
    }

    /// Calls the store by the full name of the operation. Returns status and answer.
    pub async fn call(&self, target: &str, request: &Value) -> (u16, Value) {
        let shared = self.whole.read().await;
        let (status, mut answer) = dynamodb(&self.client, target, &renamed(request, &|name| self.full(name))).await;
        if wants_old_item(request) && is_refused_condition(&answer) && answer.get("Item").is_none() {
            let place = with(&self.place(request), "ConsistentRead", json!(true));
            answer["Item"] = self.plain("GetItem", &place).await.1["Item"].clone();
        }
        drop(shared);
        let unknown = answer["__type"].as_str().is_some_and(|kind| kind.ends_with("UnknownOperationException"));
        if unknown && target.ends_with(".TransactWriteItems") {
            return self.one_by_one(request).await;
        }
        if unknown && target.starts_with("DynamoDBStreams_") {
            return self.stream(target, request).await;
        }
        let mut answer = renamed(&answer, &|name| name.trim_start_matches(&self.prefix).to_owned());
        if let Some(Value::Object(table)) = answer.get_mut("Table")
            && let Some(name) = table.get("TableName").and_then(Value::as_str).map(str::to_owned)
            && self.streams.contains(&name)
        {
            table.entry("LatestStreamArn").or_insert(json!(name));
        }
        (status, answer)
    }

    /// The stream of a table, in a store that has none: one shard, whose iterators are numbers.
    async fn stream(&self, target: &str, request: &Value) -> (u16, Value) {
        let added = self.added.lock().await;
        let answer = match target.rsplit('.').next() {
            Some("DescribeStream") => {
                json!({"StreamDescription": {"StreamArn": request["StreamArn"], "Shards": [{"ShardId": request["StreamArn"]}]}})
            }
            Some("GetShardIterator") => {
                json!({"ShardIterator": format!("{} {}", added.len(), request["StreamArn"].as_str().unwrap_or_default())})
            }
            _ => {
                let place = request["ShardIterator"].as_str().unwrap_or_default();
                let (from, table) = place.split_once(' ').unwrap_or_default();
                let new =
                    added.iter().enumerate().skip(from.parse().unwrap_or(0)).filter(|(_, at)| at["TableName"] == table);
                let record = |(number, at): (usize, &Value)| {
                    let change = json!({"Keys": at["Key"], "SequenceNumber": format!("{number:021}"), "StreamViewType": "KEYS_ONLY"});
                    json!({"eventID": number.to_string(), "eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": change})
                };
                json!({"Records": new.map(record).collect::<Vec<_>>(), "NextShardIterator": format!("{} {table}", added.len())})
            }
        };
        (200, answer)
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A transaction of single writes. Writes before a failed condition are rolled back.
    async fn one_by_one(&self, request: &Value) -> (u16, Value) {
        let _alone = self.whole.write().await;
        let token = request["ClientRequestToken"].as_str();
        if token.is_some_and(|token| token.is_empty() || token.len() > 36) {
            return refusal("ValidationException", "a token has 1 to 36 characters");
        }
        if let Some(token) = token
            && let Some(items) = self.done.lock().await.get(token)
        {
            let same = *items == request["TransactItems"];
            return if same {
                (200, json!({}))
            } else {
                refusal("IdempotentParameterMismatchException", "another one")
            };
        }
        let items: Vec<(&String, &Value)> = request["TransactItems"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|item| item.as_object()?.iter().next())
            .collect();
        let places: Vec<Value> = items.iter().map(|(_, what)| self.place(what)).collect();
        if items.is_empty() || items.len() > 100 || (1..places.len()).any(|at| places[..at].contains(&places[at])) {
            return refusal("ValidationException", "a transaction has 1 to 100 writes, each of an item of its own");
        }
        let mut before: Vec<Value> = Vec::new();
        for (at, (part, what)) in items.iter().enumerate() {
            let old = self.plain("GetItem", &with(&places[at], "ConsistentRead", json!(true))).await.1["Item"].clone();
            let (status, answer) = self.write(part, what, &old).await;
            if status == 200 {
                before.push(old);
                continue;
            }
            for (place, old) in places.iter().zip(&before).rev() {
                self.put_back(place, old).await;
            }
            if !is_refused_condition(&answer) {
                return (status, answer);
            }
            let mut reasons = vec![json!({"Code": "None"}); items.len()];
            reasons[at] = json!({"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"});
            if wants_old_item(what) && !old.is_null() {
                reasons[at]["Item"] = old;
            }
            let (status, mut cancelled) = refusal("TransactionCanceledException", "cancelled");
            cancelled["CancellationReasons"] = json!(reasons);
            return (status, cancelled);
        }
        let put = items.iter().zip(places).zip(&before).filter(|(((part, _), place), old)| {
            let table = place["TableName"].as_str().unwrap_or_default();
            *part == "Put" && old.is_null() && self.streams.contains(table)
        });
        self.added.lock().await.extend(put.map(|((_, place), _)| place));
        if let Some(token) = token {
            self.done.lock().await.insert(token.to_owned(), request["TransactItems"].clone());
        }
        (200, json!({}))
    }

    /// One part of a transaction. A check is a write that changes nothing.
    async fn write(&self, part: &str, what: &Value, old: &Value) -> (u16, Value) {
        match part {
            "ConditionCheck" if old.is_null() => self.plain("DeleteItem", what).await,
            "ConditionCheck" => {
                let mut put = with(what, "Item", old.clone());
                put.as_object_mut().and_then(|put| put.remove("Key"));
                self.plain("PutItem", &put).await
            }
            part => self.plain(&format!("{part}Item"), what).await,
        }
    }

    async fn put_back(&self, place: &Value, old: &Value) {
        let (status, answer) = if old.is_null() {
            self.plain("DeleteItem", place).await
        } else {
            self.plain("PutItem", &json!({"TableName": place["TableName"], "Item": old})).await
        };
        assert_eq!(status, 200, "a transaction cannot be undone: {answer}");
    }

    /// The table and the key of a part.
    fn place(&self, what: &Value) -> Value {
        let table = what["TableName"].as_str().unwrap_or_default();
        let key = match what.get("Key") {
            Some(key) => key.clone(),
            None => self.keys[table]
                .iter()
                .map(|name| (name.clone(), what["Item"][name].clone()))
                .collect::<Map<_, _>>()
                .into(),
        };
        json!({"TableName": table, "Key": key})
    }

    async fn plain(&self, operation: &str, request: &Value) -> (u16, Value) {
        let mut request =
            with(request, "TableName", json!(self.full(request["TableName"].as_str().unwrap_or_default())));
        // A part of a transaction has this parameter; a single write returns no old item.
        request.as_object_mut().and_then(|request| request.remove("ReturnValuesOnConditionCheckFailure"));
        dynamodb(&self.client, &format!("DynamoDB_20120810.{operation}"), &request).await
    }
}

fn wants_old_item(write: &Value) -> bool {
    write["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
}

fn is_refused_condition(answer: &Value) -> bool {
    answer["__type"].as_str().is_some_and(|kind| kind.ends_with("ConditionalCheckFailedException"))
}

fn key_attributes(create: &Value) -> Vec<String> {
    let schema = create["KeySchema"].as_array().into_iter().flatten();
    schema.filter_map(|key| key["AttributeName"].as_str().map(str::to_owned)).collect()
}

fn with(value: &Value, name: &str, other: Value) -> Value {
    let mut value = value.clone();
    value[name] = other;
    value
}

fn refusal(kind: &str, message: &str) -> (u16, Value) {
    (400, json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"), "message": message}))
}

/// A request or an answer with the table names replaced, wherever the API has one.
fn renamed(value: &Value, to: &dyn Fn(&str) -> String) -> Value {
    let mut value = value.clone();
    for part in ["RequestItems", "Responses", "UnprocessedKeys", "UnprocessedItems"] {
        if let Some(Value::Object(tables)) = value.get_mut(part) {
            *tables = std::mem::take(tables).into_iter().map(|(name, items)| (to(&name), items)).collect();
        }
    }
    let name = |part: &mut Value| {
        if let Some(Value::String(table)) = part.get_mut("TableName") {
            *table = to(table);
        }
    };
    name(&mut value);
    for part in ["Table", "TableDescription"] {
        value.get_mut(part).map(name);
    }
    for item in value.get_mut("TransactItems").and_then(Value::as_array_mut).into_iter().flatten() {
        item.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(name);
    }
    value
}
