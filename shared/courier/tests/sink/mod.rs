//! Peers that take a message, for tests: one by HTTP, one by SMTP.

use latchkey_config::{Loaded, read};
use latchkey_core::courier::{MessagePayload, QueuedMessage, TemplateType};
use latchkey_core::identity::Via;
use latchkey_courier::{DeliveryChannels, SendError, Templates, example};
use latchkey_platform::Environment;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Takes one request by HTTP and gives this answer; the request is what the task ends with.
pub(crate) async fn http(answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a peer");
    let address = listener.local_addr().expect("a peer").to_string();
    let served = tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await.expect("a peer");
        let (mut text, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            let n = peer.read(&mut chunk).await.expect("a peer");
            text.extend_from_slice(&chunk[..n]);
            let seen = String::from_utf8_lossy(&text).to_lowercase();
            let length = seen.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            let body = text.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |end| text.len() - end - 4);
            if n == 0 || length.is_some_and(|length| body >= length) {
                break;
            }
        }
        let (head, body) = answer.split_once("\n\n").unwrap_or((answer, ""));
        let head = head.replace('\n', "\r\n");
        let length = body.len();
        let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
        peer.write_all(answer.as_bytes()).await.expect("a peer");
        String::from_utf8(text).expect("a peer")
    });
    (address, served)
}

/// Takes one message by SMTP and answers `RCPT TO` with this; what the client said is what the task ends with.
pub(crate) async fn smtp(to_recipient: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a peer");
    let address = listener.local_addr().expect("a peer").to_string();
    let served = tokio::spawn(async move {
        let (peer, _) = listener.accept().await.expect("a peer");
        let mut peer = BufReader::new(peer);
        let (mut said, mut in_data) = (String::new(), false);
        peer.write_all(b"220 here\r\n").await.expect("a peer");
        loop {
            let mut line = String::new();
            if peer.read_line(&mut line).await.unwrap_or(0) == 0 {
                return said;
            }
            said.push_str(&line);
            let answer = match line.trim_end() {
                "." => {
                    in_data = false;
                    "250 taken"
                }
                _ if in_data => continue,
                "DATA" => {
                    in_data = true;
                    "354 go on"
                }
                "QUIT" => "221 bye",
                line if line.starts_with("EHLO") => "250-here\r\n250 AUTH PLAIN",
                line if line.starts_with("AUTH") => "535 who are you",
                line if line.starts_with("RCPT") => to_recipient,
                _ => "250 ok",
            };
            peer.write_all(format!("{answer}\r\n").as_bytes()).await.expect("a peer");
        }
    });
    (address, served)
}

/// A configuration with this below `courier`.
pub(crate) fn config(courier: &str) -> String {
    format!(
        "serve: {{public: {{base_url: 'https://login.example.org/'}}}}\n\
         identity: {{schemas: [{{id: default, url: 'base64://e30='}}]}}\n\
         courier: {courier}\n"
    )
}

/// Everything that is needed to send an example.
pub(crate) struct Sender {
    channels: DeliveryChannels,
    templates: Templates,
    pub(crate) queued: QueuedMessage,
    pub(crate) payload: MessagePayload,
}

impl Sender {
    pub(crate) fn new(text: &str, dev: bool, env: &[(&str, &str)]) -> Result<Self, String> {
        let Loaded { config, secrets, .. } = read(text, None, &[], dev).map_err(|e| e.to_string())?;
        let env = Environment::from_pairs(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let (queued, payload) = example(TemplateType::LoginCodeValid);
        Ok(Self {
            channels: DeliveryChannels::new(&config, &secrets, &env).map_err(|e| e.to_string())?,
            templates: Templates::new(&config.courier).map_err(|e| e.to_string())?,
            queued,
            payload,
        })
    }

    pub(crate) fn by_text_message(mut self) -> Self {
        self.queued.via = Via::Sms;
        self.queued.recipient = "+493012345678".to_owned();
        self
    }

    pub(crate) async fn send(&self) -> Result<(), SendError> {
        let rendered = self.templates.render(&self.queued, &self.payload, self.queued.created_at).expect("a peer");
        let sent = self.channels.send(&self.queued, &self.payload, &rendered, self.queued.created_at).await;
        if let Err(error) = &sent {
            // They are kept and shown.
            let text = error.to_string();
            let secrets = self.payload.content.secrets();
            assert_eq!(secrets.len(), 1);
            for secret in secrets.into_iter().chain([self.queued.recipient.as_str(), "sign-in", "hidden"]) {
                assert!(!text.contains(secret), "{text}");
            }
        }
        sent
    }
}
