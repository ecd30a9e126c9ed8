//! A configuration file that changes while the stack runs.

use crate::events::binaries;
use crate::support::{CONFIG, PASSWORD, Served, eventually, get, unique};
use serde_json::json;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

fn config(revision: &str) -> String {
    format!("revision: {revision}\n{CONFIG}")
}

async fn revision(served: &Served) -> String {
    let answer = served.admin("/admin/health/config").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    String::from_utf8(answer.body.to_vec()).unwrap()
}

async fn becomes(served: &Served, wanted: &str) {
    eventually(wanted, async || (revision(served).await == wanted).then_some(())).await;
}

async fn a_change_takes_effect(processes: Option<PathBuf>) {
    let served = Served::start(&config("one"), processes).await;
    assert_eq!(revision(&served).await, "one");
    let flow = async || get(&format!("{}/self-service/login/api", served.public)).await.json();
    served.write("kratos.yml", &config("two").replace("https://login.example.org/", "https://other.example.org/"));
    becomes(&served, "two").await;
    let action = async || flow().await["ui"]["action"].as_str().unwrap().to_owned();
    assert!(action().await.starts_with("https://other.example.org/"));
    served.write("kratos.yml", &config("faulty").replace("lifespan: 10m", "lifespan: ten"));
    // That an error changed nothing shows only afterwards: the next valid file has the next revision.
    let mut asked = 0;
    eventually("a fault is looked at", async || {
        assert_eq!(revision(&served).await, "two");
        assert!(flow().await["id"].is_string());
        asked += 1;
        (asked > 60).then_some(())
    })
    .await;
    // A function that starts now uses the last valid configuration, not the file.
    assert_eq!(get(&format!("{}/self-service/errors?id=none", served.public)).await.status, 404);
    assert_eq!(get(&format!("{}/self-service/login/browser", served.public)).await.status, 303);
    served.write("kratos.yml", &config("three"));
    becomes(&served, "three").await;
    assert!(action().await.starts_with("https://login.example.org/"));
}

#[tokio::test]
async fn change_takes_effect_at_once() {
    a_change_takes_effect(None).await;
}

#[tokio::test]
async fn change_takes_effect_in_new_processes() {
    a_change_takes_effect(Some(binaries())).await;
}

#[tokio::test]
async fn schema_change_takes_effect() {
    let served = Served::start(CONFIG, None).await;
    let before = revision(&served).await;
    let schema = crate::support::text(&served.path("user.json"));
    served.write("user.json", &schema.replace("\"last\": {", "\"middle\": {\"type\": \"string\"}, \"last\": {"));
    let after =
        eventually("another revision", async || Some(revision(&served).await).filter(|now| *now != before)).await;
    // Readers get the new schema, and new identities must fit it.
    let shown = get(&format!("{}/schemas/user", served.public)).await;
    assert!(shown.json().to_string().contains("middle"), "{}", shown.json());
    let email = format!("{}@example.org", unique("mid"));
    let identity = json!({"traits": {"email": email, "name": {"middle": "M"}}, "credentials": {"password": {"config": {"password": PASSWORD}}}});
    let target =
        latchkey::cli::api::Target { admin_url: served.admin.clone(), sign: false, region: None, profile: None };
    let admin = latchkey::cli::api::Admin::open(&target).unwrap();
    admin.call(http::Method::POST, "/admin/identities", None, Some(&identity)).await.unwrap();
    // An unusable schema changes nothing; the first one restores the first revision.
    served.write("user.json", "{");
    served.write("user.json", &schema);
    let again =
        eventually("the first revision", async || Some(revision(&served).await).filter(|now| *now != after)).await;
    assert_eq!(again, before);
}

#[tokio::test]
async fn program_reports_reloads() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kratos.yml");
    std::fs::write(
        folder.path().join("user.json"),
        r#"{"$id": "p", "type": "object", "properties": {"traits": {"type": "object", "properties": {"a": {"type": "string"}}}}}"#,
    )
    .unwrap();
    let good =
        config("one").replace(", {id: contacts, url: \"file://contacts.json\", selfservice_selectable: true}", "");
    std::fs::write(&file, &good).unwrap();
    // The program accepts no port 0, so these are rarely used ones, below those that the system assigns.
    let base = 25_540 + std::process::id() % 300 * 23;
    let mut child = Command::new(binaries().join("latchkey"))
        .args(["--config", &file.to_string_lossy(), "--no-pages", "--no-inbox", "--port-base", &base.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut err = BufReader::new(child.stderr.take().unwrap()).lines();
    while !out.next_line().await.unwrap().expect("it starts").contains("Ctrl-C") {}
    std::fs::write(&file, good.replace("lifespan: 10m", "lifespan: ten")).unwrap();
    // The output about the first configuration comes before.
    while err.next_line().await.unwrap().expect("it runs")
        != "The configuration was not reloaded; the one before stays in effect:"
    {}
    let line = 1 + good.lines().position(|line| line.contains("lifespan: 10m")).unwrap();
    let said = err.next_line().await.unwrap().unwrap();
    let begins = format!("{}:{line}: selfservice.flows.login.lifespan: \"ten\" is not allowed", file.display());
    assert!(said.starts_with(&begins), "{said}");
    std::fs::write(&file, good.replace("flows:", "flows: [")).unwrap();
    assert_eq!(
        err.next_line().await.unwrap().unwrap(),
        "The configuration was not reloaded; the one before stays in effect:"
    );
    let said = err.next_line().await.unwrap().unwrap();
    assert!(said.contains("not YAML or JSON") && said.contains("line"), "{said}");
    std::fs::write(&file, good.replace("revision: one", "revision: two")).unwrap();
    while out.next_line().await.unwrap().expect("it runs") != "Configuration reloaded: revision two." {}
}
