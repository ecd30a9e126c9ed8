//! What stands at the head of an e-mail, the same whichever way it leaves.

use latchkey_config::Courier;
use latchkey_core::courier::QueuedMessage;
use latchkey_platform::StartError;
use lettre::message::header::{From as Sender, Header, HeaderName, HeaderValue, Headers};
use lettre::message::{Mailbox, Mailboxes};

/// RFC 3834: a program wrote it, so absence notices and other programs do not answer.
const AUTO_SUBMITTED: (&str, &str) = ("Auto-Submitted", "auto-generated");

/// The sender, and headers beside those that every e-mail has.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) from: Mailbox,
    headers: Vec<(HeaderName, String)>,
}

impl Head {
    /// Of e-mails from this sender with the headers of the configuration, which come before our own.
    ///
    /// # Errors
    /// Names the key that is not usable.
    pub(crate) fn new(courier: &Courier, from: Mailbox) -> Result<Self, StartError> {
        let mut headers = Vec::new();
        for (name, value) in &courier.headers {
            let name = HeaderName::new_from_ascii(name.clone());
            let name = name.map_err(|_| StartError("courier.smtp.headers: a name is no header's".to_owned()))?;
            if value.chars().any(char::is_control) {
                return Err(StartError(format!("courier.smtp.headers.{name}: a line break is not allowed")));
            }
            headers.push((name, value.clone()));
        }
        let (name, value) = AUTO_SUBMITTED;
        if !courier.headers.keys().any(|own| own.eq_ignore_ascii_case(name)) {
            headers.push((HeaderName::new_from_ascii_str(name), value.to_owned()));
        }
        Ok(Self { from, headers })
    }

    /// The sender as it may stand in a header: a name beyond ASCII, or with special characters, is encoded by RFC 2047.
    pub(crate) fn sender(&self) -> String {
        encoded(Sender::from(Mailboxes::from(self.from.clone())).display())
    }

    /// The headers, ready for a message.
    pub(crate) fn headers(&self) -> impl Iterator<Item = HeaderValue> {
        self.headers.iter().map(|(name, value)| HeaderValue::new(name.clone(), value.clone()))
    }

    /// The headers as names and values in ASCII.
    pub(crate) fn in_ascii(&self) -> impl Iterator<Item = (String, String)> {
        self.headers.iter().zip(self.headers()).map(|((name, _), value)| (name.to_string(), encoded(value)))
    }

    /// The message id of RFC 5322. It is the same at each attempt, so a mail program can recognise a message that arrives twice.
    pub(crate) fn message_id(&self, queued: &QueuedMessage) -> String {
        format!("<{}@{}>", queued.id, self.from.email.domain())
    }
}

/// A header's value as it is sent, in one line.
fn encoded(value: HeaderValue) -> String {
    let mut all = Headers::new();
    all.insert_raw(value);
    let text = all.to_string();
    text.split_once(':').map_or("", |(_, value)| value).replace("\r\n", "").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(name: Option<&str>, headers: &str) -> Head {
        let text = format!(
            r#"{{"serve": {{"public": {{"base_url": "https://login.example.org/"}}}},
                "identity": {{"schemas": [{{"id": "default", "url": "base64://e30="}}]}},
                "courier": {{"smtp": {{"headers": {headers}}}}}}}"#
        );
        let courier = latchkey_config::read(&text, None, &[], true).unwrap().config.courier;
        let from = Mailbox::new(name.map(str::to_owned), "login@example.org".parse().unwrap());
        Head::new(&courier, from).unwrap()
    }

    #[test]
    fn sender_is_ascii_for_every_name() {
        for (name, sender) in [
            (None, "login@example.org"),
            (Some("Example"), "Example <login@example.org>"),
            (Some("Example, Inc."), "=?utf-8?b?RXhhbXBsZSwgSW5jLg==?= <login@example.org>"),
            (Some("\"E\" <x@y>"), "=?utf-8?b?IkUiIDx4QHk+?= <login@example.org>"),
            (Some("Jörg"), "=?utf-8?b?SsO2cmc=?= <login@example.org>"),
            (Some("ログイン"), "=?utf-8?b?44Ot44Kw44Kk44Oz?= <login@example.org>"),
        ] {
            assert_eq!(head(name, "{}").sender(), sender);
        }
        let long = head(Some(&"Grüße aus der Straße ".repeat(9)), "{}").sender();
        assert!(long.is_ascii() && !long.contains(['\r', '\n']) && long.ends_with(" <login@example.org>"), "{long}");
    }

    #[test]
    fn email_is_marked_as_auto_generated() {
        let of = |headers: &str| -> Vec<(String, String)> { head(None, headers).in_ascii().collect() };
        assert_eq!(of("{}"), [("Auto-Submitted".to_owned(), "auto-generated".to_owned())]);
        let own = of(r#"{"auto-submitted": "no", "X-Unit": "Büro"}"#);
        assert_eq!(
            own,
            [("X-Unit".to_owned(), "=?utf-8?b?QsO8cm8=?=".to_owned()), ("auto-submitted".to_owned(), "no".to_owned())]
        );
    }
}
