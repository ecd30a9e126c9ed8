//! The suppression list: how an address comes on it, and how administrators take it off.

use crate::support::{Bench, CONFIG, TestChannel, unique};
use axum::Router;
use axum::extract::State;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

async fn bench() -> (Bench, TestChannel) {
    let channel = TestChannel::start().await;
    (Bench::with_channel(CONFIG, &channel.url, false).await, channel)
}

async fn bounced(bench: &Bench, address: &str) {
    let said = json!({"eventType": "Bounce", "bounce": {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": address}]}});
    let event = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": said.to_string()}}]});
    bench.stack.functions.call("CourierFeedbackFunction", event.to_string(), "a-request").await.unwrap();
}

fn path(address: &str) -> String {
    format!("/admin/courier/suppressed/{address}")
}

#[tokio::test]
async fn removed_address_gets_mail_again() {
    let (bench, channel) = bench().await;
    let address = format!("{}@example.org", unique("lift"));
    assert_eq!(bench.admin().get(&path(&address)).await.status, 404);
    bounced(&bench, &address).await;
    let draft = bench.post(&address).await;
    bench.until(draft.id(), "abandoned").await;
    let shown = bench.admin().get(&path(&address.to_uppercase())).await.json();
    assert_eq!((&shown["address"], &shown["reason"]), (&json!(address), &json!("bounce")), "{shown}");
    assert!(shown["at"].as_str() < shown["until"].as_str(), "{shown}");
    let lifted = bench.admin().delete(&path(&address)).await;
    assert_eq!((lifted.status, lifted.body.as_str()), (204, ""));
    let said = bench.changes(&lifted);
    assert_eq!((&said[0]["action"], &said[0]["outcome"]), (&json!("suppression.remove"), &json!("done")), "{said:?}");
    assert!(said[0]["principal"]["arn"].is_string() && !said[0].to_string().contains(&address), "{said:?}");
    assert_eq!(bench.admin().delete(&path(&address)).await.status, 404);
    let draft = bench.post(&address).await;
    bench.until(draft.id(), "sent").await;
    assert_eq!(channel.count(&address), 1);
}

#[tokio::test]
async fn list_is_paged_and_holds_no_counter() {
    let (bench, _) = bench().await;
    let mut all: Vec<String> = (0..5).map(|_| format!("{}@example.org", unique("list"))).collect();
    all.sort();
    for address in &all {
        bounced(&bench, address).await;
    }
    // Guesses are counted in the same table.
    let guess = json!({"method": "password", "identifier": "ada@example.org", "password": "wrong"});
    bench.app().post(&bench.app().begin("").await, &guess).await;
    let (mut seen, mut query) = (Vec::new(), "?page_size=2".to_owned());
    loop {
        let answer = bench.admin().get(&format!("/courier/suppressed{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let page = answer.json();
        seen.extend(page.as_array().unwrap().iter().map(|entry| entry["address"].as_str().unwrap().to_owned()));
        let links = answer.header("link").unwrap().to_owned();
        let Some(next) = links.split(',').find(|link| link.contains("rel=\"next\"")) else { break };
        query = next.split(['<', '>']).nth(1).unwrap().trim_start_matches("/admin/courier/suppressed").to_owned();
    }
    assert_eq!(seen, all);
    for wrong in ["?page_token=%00", "?page_token=ä", "?page_size=x"] {
        assert_eq!(bench.admin().get(&format!("/admin/courier/suppressed{wrong}")).await.status, 400, "{wrong}");
    }
    for odd in ["x".repeat(3000), "%20".to_owned(), "unknown@example.org".to_owned()] {
        assert_eq!(bench.admin().get(&path(&odd)).await.status, 404, "{odd}");
        assert_eq!(bench.admin().delete(&path(&odd)).await.status, 404, "{odd}");
    }
    // The public side does nothing of it.
    let public = bench.app().delete(&format!("/courier/suppressed/{}", all[0])).await;
    assert!(public.status >= 300, "{}", public.status);
    assert_eq!(bench.admin().get(&path(&all[0])).await.status, 200);
}

/// SES would answer the next message with a bounce, and the address would be on our list again.
#[tokio::test]
async fn removal_clears_the_list_of_ses_too() {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let answers = Arc::new(Mutex::new(vec![200_u16, 404, 500, 500, 500]));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    type Ses = (Arc<Mutex<Vec<String>>>, Arc<Mutex<Vec<u16>>>);
    let answer = |State((asked, answers)): State<Ses>, method: http::Method, uri: http::Uri| async move {
        asked.lock().unwrap().push(format!("{method} {}", uri.path()));
        let status = answers.lock().unwrap().remove(0);
        let kind = if status == 404 { "NotFoundException" } else { "InternalFailure" };
        (http::StatusCode::from_u16(status).unwrap(), [("x-amzn-errortype", kind)], "{}")
    };
    let router = Router::new().fallback(answer).with_state((Arc::clone(&asked), answers));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let bench =
        Bench::with_envs(CONFIG, &[("LATCHKEY_SES_REGION", "eu-central-1"), ("AWS_ENDPOINT_URL_SESV2", &url)]).await;
    let address = format!("{}@example.org", unique("ses"));
    // It is on SES' list alone, and on none.
    assert_eq!(bench.admin().delete(&path(&address)).await.status, 204);
    assert_eq!(bench.admin().delete(&path(&address)).await.status, 404);
    assert_eq!(
        asked.lock().unwrap()[0].to_lowercase(),
        format!("delete /v2/email/suppression/addresses/{}", address.replace('@', "%40"))
    );
    // Where SES fails nothing changes, and the administrator learns that.
    bounced(&bench, &address).await;
    let failed = bench.admin().delete(&path(&address)).await;
    assert_eq!((failed.status, &failed.json()["error"]["code"]), (503, &json!(503)), "{}", failed.body);
    let still: Value = bench.admin().get(&path(&address)).await.json();
    assert_eq!(still["reason"], "bounce");
}
