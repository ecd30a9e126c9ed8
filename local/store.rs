//! The embedded store: DynamoDB's API on a port of this machine, with the template's tables.

use crate::template::Table;
use dynoxide::Database;
use serde_json::json;
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
                Database::new(&file.to_string_lossy()).map_err(|e| unusable(&e))?
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
