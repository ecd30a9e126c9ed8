//! Streams of tables on this machine: does what Lambda does for a trigger of the template. Records come from the store's own Streams
//! API. The embedded store signals new records; a store that runs elsewhere is polled.
//!
//! A reader starts at the end of the stream. Items that were still unsent at that moment are handed over as if they had just been
//! written.

use crate::functions::Functions;
use crate::store::Client;
use crate::template::{Source, Table, Trigger};
use latchkey_platform::Rng;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// How often a store that does not signal is polled for records.
const BEAT: Duration = Duration::from_millis(50);
/// Batches that are processed at the same time: the template's `ParallelizationFactor`.
const AT_ONCE: usize = 10;
/// How often a record is handed to a function that fails on it.
const TRIES: u32 = 5;
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_secs(1);
/// The index of unsent items, if a table has one.
const UNSENT: &str = "by-unsent";

/// Reads the stream of a trigger without end. `writes` signals that the store was written to, where the store can signal.
pub async fn follow(
    store: Client,
    tables: Arc<[Table]>,
    trigger: Trigger,
    functions: Arc<Functions>,
    mut writes: Option<watch::Receiver<()>>,
) {
    let Source::Stream(table) = &trigger.source else { return };
    let Some(table) = tables.iter().find(|known| known.resource == *table) else { return };
    let reader = Reader { store, trigger: trigger.clone(), functions, at_once: Arc::new(Semaphore::new(AT_ONCE)) };
    let mut under_way = JoinSet::new();
    let mut told = false;
    loop {
        if let Err(why) = reader.read(table, writes.as_mut(), &mut under_way).await
            && !std::mem::replace(&mut told, true)
        {
            eprintln!("the stream of {} cannot be read: {why}", table.name);
        }
        sleep(PAUSE).await;
    }
}

struct Reader {
    store: Client,
    trigger: Trigger,
    functions: Arc<Functions>,
    at_once: Arc<Semaphore>,
}

impl Reader {
    /// Takes an iterator for each shard, hands over unsent items, then follows the shards.
    async fn read(
        &self,
        table: &Table,
        mut writes: Option<&mut watch::Receiver<()>>,
        under_way: &mut JoinSet<()>,
    ) -> Result<(), String> {
        let described = self.store.call("DescribeTable", &json!({"TableName": table.name})).await?;
        let stream = described["Table"]["LatestStreamArn"].as_str().ok_or("it has no stream")?.to_owned();
        let described = self.store.stream("DescribeStream", &json!({ "StreamArn": stream })).await?;
        let mut places = Vec::new();
        for shard in described["StreamDescription"]["Shards"].as_array().into_iter().flatten() {
            let ask = json!({"StreamArn": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "LATEST"});
            places.push(self.store.stream("GetShardIterator", &ask).await?["ShardIterator"].clone());
        }
        let left = self.left(table).await?;
        self.hand_over(left, under_way);
        loop {
            // Marked before reading, so that a write during the read causes another one.
            if let Some(writes) = &mut writes {
                writes.mark_unchanged();
            }
            for place in &mut places {
                let page = self.store.stream("GetRecords", &json!({ "ShardIterator": place })).await?;
                *place = page["NextShardIterator"].clone();
                let records = page["Records"].as_array().cloned().unwrap_or_default();
                let wanted = |record: &Value| {
                    let events = &self.trigger.events;
                    events.is_empty()
                        || record["eventName"].as_str().is_some_and(|name| events.iter().any(|e| e == name))
                };
                self.hand_over(records.into_iter().filter(wanted).collect(), under_way);
            }
            // A closed shard has successors: describe the stream again.
            if places.iter().any(Value::is_null) {
                return Ok(());
            }
            while under_way.try_join_next().is_some() {}
            match &mut writes {
                Some(writes) => writes.changed().await.map_err(|_| "the store has ended")?,
                None => sleep(BEAT).await,
            }
        }
    }

    /// Records for the items that the table still has to hand over.
    async fn left(&self, table: &Table) -> Result<Vec<Value>, String> {
        let indexes = table.create["GlobalSecondaryIndexes"].as_array();
        if !indexes.is_some_and(|indexes| indexes.iter().any(|index| index["IndexName"] == UNSENT)) {
            return Ok(Vec::new());
        }
        let (mut records, mut from) = (Vec::new(), Value::Null);
        loop {
            let mut ask = json!({"TableName": table.name, "IndexName": UNSENT});
            if !from.is_null() {
                ask["ExclusiveStartKey"] = from;
            }
            let page = self.store.call("Scan", &ask).await?;
            for item in page["Items"].as_array().into_iter().flatten() {
                records.push(record(&json!({"pk": item["pk"]}), records.len()));
            }
            from = page["LastEvaluatedKey"].clone();
            if from.is_null() {
                return Ok(records);
            }
        }
    }

    fn hand_over(&self, records: Vec<Value>, under_way: &mut JoinSet<()>) {
        for batch in records.chunks(self.trigger.batch) {
            let (functions, function) = (Arc::clone(&self.functions), self.trigger.function.clone());
            let (at_once, batch) = (Arc::clone(&self.at_once), batch.to_vec());
            under_way.spawn(async move {
                // The semaphore is never closed.
                let Ok(_place) = at_once.acquire_owned().await else { return };
                let mut again = bring(&functions, &function, &batch).await;
                // A failed record is retried alone, as in a batch that Lambda has bisected to its end.
                for _ in 1..TRIES {
                    if again.is_empty() {
                        return;
                    }
                    sleep(PAUSE).await;
                    let mut still = Vec::new();
                    for record in again {
                        still.extend(bring(&functions, &function, &[record]).await);
                    }
                    again = still;
                }
                for record in again {
                    eprintln!("{function} does not take the record {}", record["dynamodb"]["Keys"]);
                }
            });
        }
    }
}

/// Invokes a function with records. Returns the ones that it reported as failed.
async fn bring(functions: &Functions, function: &str, records: &[Value]) -> Vec<Value> {
    let event = json!({ "Records": records }).to_string();
    match functions.call(function, event, &Rng::system().id().to_string()).await {
        Ok(answer) => {
            let failed: Vec<&Value> =
                answer["batchItemFailures"].as_array().into_iter().flatten().map(|f| &f["itemIdentifier"]).collect();
            let again = |record: &&Value| failed.contains(&&record["dynamodb"]["SequenceNumber"]);
            records.iter().filter(again).cloned().collect()
        }
        Err(failure) => {
            eprintln!("{function} crashed on {} records: {failure:?}", records.len());
            records.to_vec()
        }
    }
}

/// A record as the stream would have delivered it.
fn record(keys: &Value, number: usize) -> Value {
    json!({
        "eventID": Rng::system().id(),
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "local",
        "dynamodb": {"Keys": keys, "SequenceNumber": format!("{number:021}"), "StreamViewType": "KEYS_ONLY"},
    })
}

#[expect(clippy::disallowed_methods, reason = "a stream has to be asked again and again")]
async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}
