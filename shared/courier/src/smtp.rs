//! A mail server of one's own, as `courier.smtp.connection_uri` names it.

use crate::mail::Head;
use crate::send_error::SendError;
use crate::templates::Rendered;
use latchkey_config::Courier;
use latchkey_core::courier::QueuedMessage;
use latchkey_platform::StartError;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};
use std::time::Duration;
use url::Url;

/// How long an answer of the server may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    head: Head,
}

impl Smtp {
    /// Gets a mail server ready: `smtps` with TLS from the start, `smtp` with STARTTLS, which the server must offer unless
    /// `disable_starttls=true`. `skip_ssl_verify=true` believes every certificate, `server_name` names the one to expect.
    ///
    /// # Errors
    /// Names the key that is not usable; never the URI, which holds a password.
    pub(crate) fn new(courier: &Courier, from: Mailbox, uri: &SecretString) -> Result<Self, StartError> {
        let wrong =
            |why: &str| StartError(format!("courier.smtp.connection_uri: the value (not shown) is not allowed: {why}"));
        let uri = Url::parse(uri.expose_secret()).map_err(|_| wrong("it is no URL"))?;
        let host = uri.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("it has no host"))?;
        let parameter =
            |name: &str| uri.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let is_on = |name: &str| parameter(name).is_some_and(|value| value == "true" || value == "1");
        let secured = || {
            TlsParameters::builder(parameter("server_name").unwrap_or_else(|| host.to_owned()))
                .dangerous_accept_invalid_certs(is_on("skip_ssl_verify"))
                .dangerous_accept_invalid_hostnames(is_on("skip_ssl_verify"))
                .build_rustls()
                .map_err(|_| wrong("TLS cannot be set up for it"))
        };
        let (tls, port) = match uri.scheme() {
            "smtps" => (Tls::Wrapper(secured()?), 465),
            "smtp" if is_on("disable_starttls") => (Tls::None, 25),
            "smtp" => (Tls::Required(secured()?), 587),
            _ => return Err(wrong("it must begin with smtp:// or smtps://")),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(uri.port().unwrap_or(port))
            .tls(tls)
            .timeout(Some(PATIENCE))
            .hello_name(ClientId::Domain(courier.local_name.clone()));
        if !uri.username().is_empty() {
            let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
            transport = transport
                .credentials(Credentials::new(plain(uri.username()), plain(uri.password().unwrap_or_default())));
        }
        Ok(Self { transport: transport.build(), head: Head::new(courier, from)? })
    }

    pub(crate) async fn send(&self, queued: &QueuedMessage, rendered: &Rendered) -> Result<(), SendError> {
        let unusable = || SendError::Refused("the e-mail address is not one that a mail server takes".to_owned());
        let to = Mailbox::new(None, queued.recipient.parse().map_err(|_| unusable())?);
        let message = Message::builder().from(self.head.from.clone()).to(to).subject(rendered.subject.as_str());
        let message = message.message_id(Some(self.head.message_id(queued)));
        let text = rendered.text.clone();
        let message = match &rendered.html {
            Some(html) => message.multipart(MultiPart::alternative_plain_html(text, html.clone())),
            None => message.body(text),
        };
        let mut message = message.map_err(|_| unusable())?;
        for header in self.head.headers() {
            message.headers_mut().insert_raw(header);
        }
        let sent = self.transport.send(message).await;
        sent.map(drop).map_err(|error| match error.status().map(|code| code.to_string()) {
            // The server refuses our credentials, or a connection without TLS. The message is not at fault.
            Some(code) if ["530", "534", "535", "538"].contains(&code.as_str()) => SendError::NotAllowed(format!(
                "the mail server answered {code}: it does not accept our user and password"
            )),
            Some(code) if !error.is_permanent() && is_busy(&code, &error.to_string()) => {
                SendError::Busy { why: format!("the mail server answered {code}: too many at once"), wait: None }
            }
            Some(code) if error.is_permanent() => SendError::Refused(format!("the mail server answered {code}")),
            Some(code) => SendError::Retry(format!("the mail server answered {code}")),
            None if error.is_timeout() => SendError::Retry("the mail server takes too long".to_owned()),
            None if error.is_tls() || is_distrust(&error) => {
                SendError::Retry("the mail server's TLS cannot be trusted or used".to_owned())
            }
            None if error.is_client() => {
                SendError::Retry("the mail server does not offer what we need of it".to_owned())
            }
            None => SendError::Retry("the mail server cannot be reached".to_owned()),
        })
    }
}

/// Whether a temporary refusal is for want of room: 421 closes one connection of too many (RFC 5321 3.8), and others say so in
/// words, for which there is no code.
fn is_busy(code: &str, said: &str) -> bool {
    let said = said.to_lowercase();
    code == "421" || ["rate", "throttl", "too many", "too fast", "4.7.28"].iter().any(|word| said.contains(word))
}

/// Whether a server's certificate was not believed; the mail crate calls that a broken connection.
fn is_distrust(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut at = Some(error);
    while let Some(error) = at {
        let within = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if within.is_some_and(|within| within.is::<rustls::Error>()) {
            return true;
        }
        at = error.source();
    }
    false
}
