//! The listeners of a developer's machine: no port answers a page of another site.

use crate::events::binaries;
use crate::support::eventually;
use std::collections::BTreeSet;
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

/// A stack as a program of its own, with each function a process, so that all listeners exist.
struct Running {
    child: Child,
    base: u16,
}

impl Running {
    async fn start(data: &Path) -> Self {
        for base in (21_000..60_000).step_by(173) {
            // Other programs, and other runs of this test, have ports too.
            if [0, 1, 3, 22].iter().any(|offset| TcpStream::connect(("127.0.0.1", base + offset)).is_ok()) {
                continue;
            }
            let mut command = Command::new(binaries().join("latchkey"));
            command.args(["--processes", "--port-base", &base.to_string(), "--data"]).arg(data);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
            let mut child = command.spawn().expect("the program");
            let is_up = eventually("a start", async || {
                let gone = matches!(child.try_wait(), Ok(Some(_)));
                (gone || ask(base, "GET / HTTP/1.1\r\nHost: localhost\r\n", "").await.is_some()).then_some(!gone)
            });
            if is_up.await {
                return Self { child, base };
            }
        }
        panic!("no ports are free")
    }

    /// Every port that the program listens on, as the kernel reports them.
    fn ports(&self) -> BTreeSet<u16> {
        let id = self.child.id().expect("it runs");
        let descriptors = std::fs::read_dir(format!("/proc/{id}/fd")).expect("its files").flatten();
        let sockets: BTreeSet<String> = descriptors
            .filter_map(|entry| {
                std::fs::read_link(entry.path())
                    .ok()?
                    .to_str()?
                    .strip_prefix("socket:[")?
                    .strip_suffix(']')
                    .map(str::to_owned)
            })
            .collect();
        let table = [format!("/proc/{id}/net/tcp"), format!("/proc/{id}/net/tcp6")]
            .map(|file| std::fs::read_to_string(file).unwrap_or_default())
            .concat();
        let listening = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let listening = listening.filter(|fields| fields.len() > 9 && fields[3] == "0A" && sockets.contains(fields[9]));
        listening.filter_map(|fields| u16::from_str_radix(fields[1].rsplit(':').next()?, 16).ok()).collect()
    }
}

/// Sends a raw request. Returns status and answer.
async fn ask(port: u16, head: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = format!("{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(read.is_ok(), "port {port} keeps a request: {head}");
    Some((answer.split(' ').nth(1)?.parse().ok()?, answer))
}

const SCAN: &str = "X-Amz-Target: DynamoDB_20120810.Scan\r\nX-Amz-Date: 20260101T000000Z\r\n\
    Authorization: AWS4-HMAC-SHA256 Credential=local/20260101/local/dynamodb/aws4_request, SignedHeaders=host, Signature=0\r\n";

#[tokio::test]
async fn no_port_answers_pages_of_other_sites() {
    let data = tempfile::tempdir().unwrap();
    let stack = Running::start(data.path()).await;
    let (public, admin, inbox, pages) = (stack.base, stack.base + 1, stack.base + 3, stack.base + 22);
    let ports = stack.ports();
    // Those four, the store, the queues, and the Runtime APIs of the functions that answered so far.
    assert!(ports.len() >= 7 && [public, admin, inbox, pages].iter().all(|port| ports.contains(port)), "{ports:?}");
    let own = |port: u16| format!("Host: 127.0.0.1:{port}\r\n");
    for &port in &ports {
        for line in ["GET / HTTP/1.1", "POST / HTTP/1.1", "GET /2018-06-01/runtime/invocation/next HTTP/1.1"] {
            let rebound = format!("{line}\r\nHost: rebound.example:{port}\r\n{SCAN}Content-Type: application/json\r\n");
            assert_eq!(ask(port, &rebound, "{}").await.unwrap().0, 403, "{line} to {port} by another name");
            if [public, pages].contains(&port) {
                continue;
            }
            let line = format!("{line}\r\n{}{SCAN}Content-Type: application/json\r\n", own(port));
            for marks in [
                "Origin: https://other.example\r\n",
                "Origin: null\r\n",
                "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n",
            ] {
                let (status, answer) = ask(port, &format!("{line}{marks}"), "{}").await.unwrap();
                assert_eq!(status, 403, "{line}{marks}");
                assert!(!answer.to_ascii_lowercase().contains("access-control-allow"), "{answer}");
            }
        }
    }
    // Bodies that forms and scripts may send without a preflight request.
    let body = r#"{"schema_id":"default","traits":{"email":"planted@example.org"}}"#;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let head = format!("POST /admin/identities HTTP/1.1\r\n{}Content-Type: {kind}\r\n", own(admin));
        assert_eq!(ask(admin, &head, body).await.unwrap().0, 415, "{kind}");
    }
    let list = format!("GET /admin/identities HTTP/1.1\r\n{}", own(admin));
    assert!(!ask(admin, &list, "").await.unwrap().1.contains("planted"));
}

#[tokio::test]
async fn store_accepts_only_its_own_key() {
    let data = tempfile::tempdir().unwrap();
    let stack = Running::start(data.path()).await;
    let inner = stack.ports().into_iter().filter(|port| ![0, 1, 3, 22].contains(&port.wrapping_sub(stack.base)));
    let mut refused = 0;
    for port in inner {
        let head = |target: &str| {
            format!(
                "POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{}Content-Type: application/x-amz-json-1.0\r\n",
                SCAN.replace("DynamoDB_20120810.Scan", target)
            )
        };
        for (target, body) in [
            ("DynamoDB_20120810.Scan", r#"{"TableName":"credentials"}"#),
            ("DynamoDB_20120810.PutItem", r#"{"TableName":"accounts","Item":{"pk":{"S":"x"},"sk":{"S":"x"}}}"#),
            ("AmazonSQS.SendMessage", r#"{"QueueUrl":"http://x/CourierQueue","MessageBody":"{}"}"#),
        ] {
            let (status, answer) = ask(port, &head(target), body).await.unwrap();
            assert!(status == 403 || status == 404, "{target} at {port}: {answer}");
            refused += u32::from(status == 403);
        }
    }
    assert!(refused >= 6, "the store and the queues: {refused}");
}

#[tokio::test]
async fn only_the_owner_can_read_state_files() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("state");
    let stack = Running::start(&data).await;
    let mode =
        |path: &Path| std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions()) & 0o777;
    assert_eq!(mode(&data), 0o700);
    let files: Vec<_> = std::fs::read_dir(&data).unwrap().flatten().map(|entry| entry.path()).collect();
    let named = |end: &str| files.iter().any(|file| file.to_string_lossy().ends_with(end));
    assert!(named("latchkey.db") && named("-wal") && named("courier.secret"), "{files:?}");
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    drop(stack);
}

/// The program has one function that listens, and it has a guard.
#[test]
fn every_listener_has_a_guard() {
    fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => sources(&path, found),
                path if path.extension().is_some_and(|end| end == "rs") => found.push(path),
                _ => {}
            }
        }
    }
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("local"), &mut files);
    assert!(files.len() > 20);
    for file in files.iter().filter(|file| !file.ends_with("local/guard.rs")) {
        let text = std::fs::read_to_string(file).unwrap();
        for way in ["axum::serve", "serve_on(", "hyper::server", "serve_with_shutdown"] {
            assert!(!text.contains(way), "{}: {way}", file.display());
        }
    }
}

/// The page of a stack calls its own API, which accepts browsers. A host of the configuration counts like a name of this machine.
#[tokio::test]
async fn configured_hosts_are_accepted() {
    use latchkey::guard::{Audience, Guard, Names};
    let text = "serve: {public: {base_url: 'http://login.example.org:3000/'}}\npages: {base_url: 'http://pages.example.org'}\nidentity: {schemas: [{id: default, url: 'base64://e30='}]}";
    let loaded = latchkey_config::read(text, None, &[], true).unwrap();
    let names = Names::default();
    let guard = Guard::with_names(Audience::Browsers, names.clone());
    let ask = |host: &str| {
        let (parts, ()) = http::Request::get("/").header("host", host).body(()).unwrap().into_parts();
        guard.judge(&parts).is_ok()
    };
    assert!(!ask("login.example.org:3000"));
    names.take(&loaded.config);
    assert!(
        ask("login.example.org:3000") && ask("LOGIN.example.org") && ask("pages.example.org") && !ask("example.org")
    );
}
