//! Streams of tables on this machine: what Lambda does for a trigger of the template. The store has DynamoDB's own Streams API, so
//! records come from there. Our own store tells when there are some; one that runs elsewhere is asked many times a second.
//!
//! A store forgets nobody's place in a stream but ours: it is taken anew at each start. What lay in the table unsent then is handed
//! over as if it had just been written.

use crate::functions::Functions;
use crate::store::Client;
use crate::template::{Source, Table, Trigger};
use latchkey_web::chance;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// How often the stream of a store that does not tell is asked for records.
const BEAT: Duration = Duration::from_millis(50);
/// Batches that are worked on at the same time, as the template's ParallelizationFactor allows.
const AT_ONCE: usize = 10;
/// How often a record is brought to a function that does not take it.
const TRIES: u32 = 5;
/// How long it waits in between.
const PAUSE: Duration = Duration::from_secs(1);
/// The index of what a table still has to hand over, if it has one.
const UNSENT: &str = "by-unsent";

/// Reads the stream of a trigger for as long as it is asked to. `writes` changes when the store was written to, where it tells.
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
    /// Takes a place in each shard, hands over what was left, then follows the shards.
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
            // Before it is looked: what is written meanwhile is looked for once more.
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
            // A shard that has ended has successors.
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

    /// Records of what the table still has to hand over.
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
                // Nobody closes it.
                let Ok(_place) = at_once.acquire_owned().await else { return };
                let mut again = bring(&functions, &function, &batch).await;
                // One that is not taken is brought again alone, as a batch that is bisected to its end.
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

/// Brings records to a function; those that it did not take.
async fn bring(functions: &Functions, function: &str, records: &[Value]) -> Vec<Value> {
    let event = json!({ "Records": records }).to_string();
    match functions.call(function, event, &chance::id().to_string()).await {
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

/// A record as the stream would have had it.
fn record(keys: &Value, number: usize) -> Value {
    json!({
        "eventID": chance::id(),
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
