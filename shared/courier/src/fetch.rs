//! Templates at `https://` URLs are fetched on the machine that builds or runs a deployment, once, and travel inlined: a function
//! fetches nothing.
//!
//! Whoever names a URL may not make us read what only this machine can reach: private addresses are refused, those behind redirects
//! too, and what is large or slow is left.

use crate::network::{Forbidden, Web, host_is_public, is_forbidden, web};
use http::header::LOCATION;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;

/// How long fetching one may take, redirects included.
const PATIENCE: Duration = Duration::from_secs(10);
/// As many redirects are followed.
const REDIRECTS: usize = 3;

/// The same configuration with what stands at its `https://` URLs. Waits for the network, on a thread of its own. `only_public`
/// refuses addresses of private networks.
///
/// # Errors
/// The key, the URL, and why it cannot be fetched.
pub fn inlined(text: &str, only_public: bool) -> Result<String, String> {
    let urls = latchkey_config::remote_templates(text);
    if urls.is_empty() {
        return Ok(text.to_owned());
    }
    let fetching = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| format!("nothing can be fetched: {e}"))?;
        let web = web(only_public)?;
        let mut contents = BTreeMap::new();
        for (key, url) in urls {
            let fetched = runtime.block_on(fetch(&web, &url, only_public, "https"));
            let bytes = fetched.map_err(|why| format!("{key}: {url:?} is not allowed: {why}"))?;
            contents.insert(url, bytes);
        }
        Ok::<_, String>(contents)
    });
    let contents = fetching.join().map_err(|_| "nothing can be fetched".to_owned())??;
    latchkey_config::with_contents(text, &contents).map_err(|e| e.to_string())
}

async fn fetch(web: &Web, url: &str, only_public: bool, scheme: &str) -> Result<Vec<u8>, String> {
    let mut url = Url::parse(url).map_err(|_| "it is no URL".to_owned())?;
    let following = async {
        for _ in 0..=REDIRECTS {
            let (status, location, body) = get(web, &url, only_public, scheme).await?;
            if status == StatusCode::OK {
                return Ok(body);
            }
            if !status.is_redirection() {
                return Err(format!("its server answered {status}"));
            }
            let location = location.ok_or_else(|| format!("its server answered {status} without saying where to"))?;
            url = url.join(&location).map_err(|_| "its server redirects to what is no URL".to_owned())?;
        }
        Err("its server redirects again and again".to_owned())
    };
    tokio::time::timeout(PATIENCE, following).await.unwrap_or_else(|_| Err("its server takes too long".to_owned()))
}

async fn get(
    web: &Web,
    url: &Url,
    only_public: bool,
    scheme: &str,
) -> Result<(StatusCode, Option<String>, Vec<u8>), String> {
    if url.scheme() != scheme {
        return Err(format!("only {scheme} is fetched, and not {}", url.scheme()));
    }
    let uri: Uri = url.as_str().parse().map_err(|_| "it is no URL".to_owned())?;
    if only_public && !url.host_str().is_some_and(host_is_public) {
        return Err(Forbidden.to_string());
    }
    let request = Request::get(uri).body(Full::default()).map_err(|_| "it is no URL".to_owned())?;
    let answer = web.request(request).await.map_err(|e| {
        if is_forbidden(&e) { Forbidden.to_string() } else { "its server cannot be reached".to_owned() }
    })?;
    let status = answer.status();
    let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = Limited::new(answer.into_body(), crate::templates::LARGEST).collect().await;
    let body = body.map_err(|_| format!("it has more than {} bytes, or breaks off", crate::templates::LARGEST))?;
    Ok((status, location, body.to_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// Answers each request with the next of these.
    async fn server(answers: Vec<String>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            for answer in answers {
                let (mut peer, _) = listener.accept().await.expect("a peer");
                let mut chunk = [0; 4096];
                let _ = peer.read(&mut chunk).await;
                let _ = peer.write_all(format!("HTTP/1.1 {answer}").as_bytes()).await;
            }
        });
        format!("http://{address}/template")
    }

    fn ok(body: &str) -> String {
        format!("200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    }

    fn to(location: &str) -> String {
        format!("302 There\r\nlocation: {location}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    }

    #[tokio::test]
    async fn what_is_small_and_public_is_fetched() {
        let web = web(false).unwrap();
        let there = server(vec![to("/other"), ok("{{ .LoginCode }}")]).await;
        assert_eq!(fetch(&web, &there, false, "http").await.unwrap(), b"{{ .LoginCode }}");
        for (answers, says) in [
            (vec![ok(&"x".repeat(70_000))], "more than 65536 bytes"),
            (vec!["404 No\r\ncontent-length: 0\r\n\r\n".to_owned()], "answered 404"),
            (vec![to("/a"), to("/b"), to("/c"), to("/d"), ok("")], "again and again"),
            (vec![to("file:///etc/passwd")], "only http is fetched"),
            (vec![to("https://example.org/")], "only http is fetched"),
            (vec!["302 There\r\ncontent-length: 0\r\n\r\n".to_owned()], "without saying where"),
        ] {
            let there = server(answers).await;
            let error = fetch(&web, &there, false, "http").await.unwrap_err();
            assert!(error.contains(says), "{says}: {error}");
        }
    }

    #[tokio::test]
    async fn private_addresses_are_not_read() {
        let web = web(true).unwrap();
        for url in [
            "https://169.254.169.254/latest",
            "https://localhost:1/",
            "https://[::1]/",
            "https://2130706433/",
            "https://0177.0.0.1/",
        ] {
            assert_eq!(fetch(&web, url, true, "https").await.unwrap_err(), Forbidden.to_string(), "{url}");
        }
    }

    #[test]
    fn a_key_says_what_could_not_be_fetched() {
        let text = "courier: {templates: {login_code: {valid: {email: {subject: 'https://127.0.0.1:1/x'}}}}}";
        let error = inlined(text, true).unwrap_err();
        assert_eq!(
            error,
            "courier.templates.login_code.valid.email.subject: \"https://127.0.0.1:1/x\" is not allowed: its host is at a private, \
             local or otherwise special address"
        );
        let nothing = "courier: {smtp: {from_name: 'https://example.org/'}}";
        assert_eq!(inlined(nothing, true).unwrap(), nothing);
    }
}
