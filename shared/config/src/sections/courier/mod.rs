//! `courier`: how messages are worded and delivered.

pub(crate) mod channels;
pub(crate) mod secrets;
pub(crate) mod templates;

use crate::findings::Findings;
use crate::key::DefaultValue::{Int as Number, Text as Word, Unset};
use crate::key::{Key, Kind, Section, described, keys};
use crate::reader::Reader;
use crate::sections::clients;
use crate::sections::pages::Pages;
use crate::shapes::request::{self, HttpRequest};
use crate::value::color::Color;
use channels::Channels;
use serde_json::Value;
use std::collections::BTreeMap;
use templates::Templates;

const SMTP_CERTIFICATE: &str = "a client certificate for the mail server";

pub(crate) static COURIER: Section = Section::new("courier", KEYS);
pub(crate) static SMTP: Section = Section::new("courier.smtp", SMTP_KEYS);

keys! { KEYS:
    SES_CONFIGURATION_SET = Key::used("ses.configuration_set", Kind::Text, Unset,
        "SES' configuration set; a key of Latchkey's own");
    SES_REGION = Key::used("ses.region", Kind::Text, described("the stack's"),
        "the region of SES; a key of Latchkey's own");
    SNS_REGION = Key::used("sns.region", Kind::Text, described("the stack's"),
        "the region of SNS; a key of Latchkey's own");
    SNS_SENDER_ID = Key::used("sns.sender_id", Kind::Text, Unset,
        "the sender of text messages by SNS; a key of Latchkey's own");
    MESSAGE_RETRIES = Key::used("message_retries", Kind::Int(0, 1000), Number(5), "how often a message is tried again");
    _ = Key::no_effect("sms", Kind::Map,
        "Kratos 1.2 replaced it by courier.channels, with id sms and type http; without a channel, text messages leave by Amazon SNS");
    _ = Key::no_effect("worker", Kind::Map, "a function sends each message when it is stored");
}

keys! { SMTP_KEYS:
    FROM_ADDRESS = Key::used("from_address", Kind::Text, described("required to send e-mail"),
        "the sender of e-mail, however it leaves");
    FROM_NAME = Key::used("from_name", Kind::Text, Unset, "the sender's name as mail programs show it");
    HEADERS = Key::used("headers", Kind::Map, described("none"), "further headers of each e-mail");
    LOCAL_NAME = Key::used("local_name", Kind::Text, Word("localhost"),
        "how this machine names itself to the mail server");
    _ = Key::not_built("client_cert_path", Kind::Text, SMTP_CERTIFICATE);
    _ = Key::not_built("client_key_path", Kind::Text, SMTP_CERTIFICATE);
}

/// How messages are worded and delivered.
#[derive(Clone, Debug)]
pub struct Courier {
    /// What users sign in to.
    pub name: String,
    /// The picture in the place of the name, where mail programs fetch it; `None` for kinds that they do not show.
    pub logo_url: Option<String>,
    /// The colour of the name and of the edge of the card.
    pub accent: Option<Color>,
    /// The sender of e-mail: an address.
    pub from_address: Option<String>,
    /// The sender's name as mail programs show it.
    pub from_name: Option<String>,
    /// Further headers of each e-mail.
    pub headers: BTreeMap<String, String>,
    /// How this machine names itself to a mail server.
    pub local_name: String,
    /// The service that takes e-mail by HTTP, if there is one.
    pub email: Option<HttpRequest>,
    /// The service that takes text messages by HTTP, if there is one.
    pub sms: Option<HttpRequest>,
    /// SES' configuration set, by which bounces and complaints are told.
    pub ses_configuration_set: Option<String>,
    /// The region of SES, if it is another than the function's.
    pub ses_region: Option<String>,
    /// The region of SNS, if it is another than the function's.
    pub sns_region: Option<String>,
    /// The sender of text messages by SNS, where countries allow a name.
    pub sns_sender_id: Option<String>,
    /// How often a message is tried again after the first time.
    pub message_retries: u32,
    /// Whether HTTP channels may not lead to addresses of private networks.
    pub disallow_private_ip_ranges: bool,
    /// URLs that may lead there all the same.
    pub private_ip_exception_urls: Vec<String>,
    /// Wordings in the place of the built-in ones.
    pub templates: Templates,
}

impl Courier {
    /// Whether a URL of the configuration may be called wherever it leads, private networks included.
    pub fn may_call(&self, url: &str) -> bool {
        !self.disallow_private_ip_ranges || self.private_ip_exception_urls.iter().any(|excepted| excepted == url)
    }
}

/// Reads the keys, and what the messages share with the login pages.
pub(crate) fn courier(from: Reader<'_>, pages: &Pages, findings: &mut Findings) -> Courier {
    let (own, smtp, http) = (from.section(&COURIER), from.section(&SMTP), from.section(&clients::HTTP));
    let templates = templates::templates(from, findings);
    check_connection_uri(from, findings);
    let Channels { email, sms } = channels::channels(from, findings);
    Courier {
        name: pages.name.clone(),
        logo_url: pages.logo.as_ref().filter(|logo| logo.is_shown_in_mail()).map(|logo| logo.url(&pages.base_url)),
        accent: pages.accent,
        from_address: smtp.text(&FROM_ADDRESS),
        from_name: smtp.text(&FROM_NAME),
        headers: smtp.value(&HEADERS).map(request::headers).unwrap_or_default(),
        local_name: smtp.text_or_default(&LOCAL_NAME),
        email,
        sms,
        ses_configuration_set: own.text(&SES_CONFIGURATION_SET),
        ses_region: own.text(&SES_REGION),
        sns_region: own.text(&SNS_REGION),
        sns_sender_id: own.text(&SNS_SENDER_ID),
        message_retries: own.number(&MESSAGE_RETRIES),
        disallow_private_ip_ranges: http.flag(&clients::DISALLOW_PRIVATE_IP_RANGES),
        private_ip_exception_urls: http.texts(&clients::PRIVATE_IP_EXCEPTION_URLS),
        templates,
    }
}

fn check_connection_uri(from: Reader<'_>, findings: &mut Findings) {
    let uri = from.section(&secrets::SMTP_SECRETS).text(&secrets::CONNECTION_URI);
    if uri.is_some_and(|uri| !uri.starts_with("smtp://") && !uri.starts_with("smtps://")) {
        findings.error(
            "courier.smtp.connection_uri: the value (not shown) is not allowed: it must be a URL such as smtps://user:password@host:465/",
        );
    }
}

/// Puts what was read from files in the place of their names.
pub(crate) fn make_whole(document: &mut Value, courier: &Courier) {
    templates::make_whole(document, &courier.templates);
    for channel in [&courier.email, &courier.sms].into_iter().flatten() {
        channels::make_whole(document, channel);
    }
}
