//! Records of known devices, in the `accounts` table beside their identity: read by the key that the device's cookie gives, gone
//! with the identity.

use super::Accounts;
use crate::db::StoreError;
use crate::item::incomplete;
use crate::item::{FORMAT, Item, instant, key, n, read_instant, string, ttl};
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use latchkey_core::known_device::{DeviceRecord, KnownDevice};
use uuid::Uuid;

/// What the sort keys of records begin with.
pub(crate) const DEVICE: &str = "device#";

/// What a sign-in changes about the devices of an identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceChange {
    /// The record to write.
    pub put: Option<DeviceRecord>,
    /// Keys of those to forget.
    pub forget: Vec<String>,
}

pub(crate) fn device_key(identity: Uuid, device: &str) -> Item {
    key(identity.to_string(), Some(&format!("{DEVICE}{device}")))
}

/// The key of the record that a cookie names.
pub(crate) fn key_of(known: &KnownDevice) -> Item {
    device_key(known.identity(), &known.key())
}

pub(crate) fn read_device(item: &Item) -> Result<DeviceRecord, StoreError> {
    let name = string(item, "sk")?;
    let key = name.strip_prefix(DEVICE).ok_or_else(|| crate::item::broken("sk"))?.to_owned();
    Ok(DeviceRecord { key, until: read_instant(item, "until")? })
}

impl Accounts {
    /// The parts of a sign-in's transaction that remember and forget devices; none of them can fail it.
    pub(crate) fn change_devices(
        &self,
        identity: Uuid,
        change: &DeviceChange,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let mut actions = Vec::new();
        if let Some(record) = &change.put {
            let mut item = device_key(identity, &record.key);
            item.extend([
                ("v".to_owned(), n(FORMAT)),
                ("until".to_owned(), instant(record.until)),
                ("ttl".to_owned(), ttl(record.until)),
            ]);
            let put = Put::builder().table_name(self.table()).set_item(Some(item)).build().map_err(incomplete)?;
            actions.push(TransactWriteItem::builder().put(put).build());
        }
        for device in &change.forget {
            actions.push(self.delete_key(device_key(identity, device))?);
        }
        Ok(actions)
    }
}
