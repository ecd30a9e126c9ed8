//! Puts addresses on the suppression list: SES tells it by SNS which mail bounced for good and which recipients complained. The
//! courier does not write to an address on the list.

use lambda_http::{Context, Error};
use latchkey_platform::{Clock, Platform, StartError, log, meter};
use latchkey_store::suppression::{Entry, Reason};
use latchkey_store::{Db, SuppressionList};
use serde_json::{Value, json};

/// What the function is started with.
pub struct App {
    suppressions: SuppressionList,
    clock: Clock,
}

impl App {
    /// Opens the table and the first connection.
    ///
    /// # Errors
    /// When the environment is not usable.
    pub async fn start(platform: &Platform) -> Result<Self, StartError> {
        let env = &platform.env;
        // No client waits for this function, so its first write opens its first connection.
        Ok(Self { suppressions: SuppressionList::open(&Db::start(env)?, env)?, clock: platform.clock.clone() })
    }
}

/// Adds the addresses that one event names. SNS brings it again when this fails.
///
/// # Errors
/// When the event does not come from SNS, or the store fails.
pub async fn answer(app: &App, event: &str, context: Context) -> Result<Value, Error> {
    let began = app.clock.now();
    let event: Value = serde_json::from_str(event)?;
    let records = event["Records"].as_array().ok_or("expected an event with Records")?;
    let mut added = 0;
    let (mut unreadable, mut cause) = (0, None);
    let ((), cost) = meter::measured(async {
        for record in records {
            let Some(said) = record["Sns"]["Message"].as_str().and_then(|text| serde_json::from_str(text).ok()) else {
                unreadable += 1;
                continue;
            };
            for (address, reason) in addresses(&said) {
                match app.suppressions.add(&address, &Entry { reason, at: began }).await {
                    Ok(()) => added += 1,
                    Err(error) => cause = Some(error.to_string()),
                }
            }
        }
    })
    .await;
    let mut line = json!({
        "request_id": context.request_id,
        "outcome": if cause.is_some() { "store failed" } else { "heard" },
        "added": added,
        "unreadable": unreadable,
        "round_trips": cost.trips,
        "store_calls": cost.calls.len(),
    });
    if let Some(cause) = &cause {
        line["cause"] = json!(cause);
    }
    log::event(&app.clock, "courier-feedback", line, began, cause.is_some() || unreadable > 0);
    match cause {
        Some(cause) => Err(cause.into()),
        None => Ok(json!({ "added": added })),
    }
}

/// The addresses that a notification puts on the list. Mail that bounced for a while (a full mailbox) puts none there.
fn addresses(said: &Value) -> Vec<(String, Reason)> {
    let kind = said["eventType"].as_str().or(said["notificationType"].as_str());
    let (list, reason) = match kind {
        Some("Bounce") if said["bounce"]["bounceType"] == "Permanent" => {
            (&said["bounce"]["bouncedRecipients"], Reason::Bounce)
        }
        // By "not-spam" a recipient takes an earlier complaint back.
        Some("Complaint") if said["complaint"]["complaintFeedbackType"] != "not-spam" => {
            (&said["complaint"]["complainedRecipients"], Reason::Complaint)
        }
        _ => return Vec::new(),
    };
    let named = list.as_array().into_iter().flatten().filter_map(|recipient| recipient["emailAddress"].as_str());
    named.map(|address| (bare(address).to_owned(), reason)).collect()
}

/// An address without the name that may stand before it.
fn bare(address: &str) -> &str {
    match address.rsplit_once('<') {
        Some((_, rest)) => rest.trim_end().trim_end_matches('>'),
        None => address.trim(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounce(kind: &str) -> Value {
        let recipients = json!([{"emailAddress": "Ada <ada@example.org>"}, {"emailAddress": "b@example.org"}, {}]);
        json!({"eventType": "Bounce", "bounce": {"bounceType": kind, "bouncedRecipients": recipients}})
    }

    #[test]
    fn permanent_bounces_and_complaints_suppress_addresses() {
        let both = [("ada@example.org".to_owned(), Reason::Bounce), ("b@example.org".to_owned(), Reason::Bounce)];
        assert_eq!(addresses(&bounce("Permanent")), both);
        for kind in ["Transient", "Undetermined", ""] {
            assert_eq!(addresses(&bounce(kind)), [], "{kind}");
        }
        let complaint = |kind: &str| json!({"eventType": "Complaint", "complaint": {"complaintFeedbackType": kind, "complainedRecipients": [{"emailAddress": "c@example.org"}]}});
        assert_eq!(addresses(&complaint("abuse")), [("c@example.org".to_owned(), Reason::Complaint)]);
        assert_eq!(addresses(&complaint("not-spam")), []);
        for other in
            [json!({"eventType": "Delivery"}), json!({}), json!([]), json!(null), json!({"eventType": "Bounce"})]
        {
            assert_eq!(addresses(&other), [], "{other}");
        }
    }
}
