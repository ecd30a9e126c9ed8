//! What messages say.

use base64::Engine as _;
use latchkey_config::{Config, Courier, TemplateText};
use latchkey_core::courier::{Code, Content, MessagePayload, QueuedMessage, Requester, TemplateType};
use latchkey_core::identity::Via;
use latchkey_courier::{Rendered, Templates, example};
use serde_json::json;

const CONFIG: &str = r#"{
    "serve": {"public": {"base_url": "https://login.example.org/"}},
    "identity": {"schemas": [{"id": "default", "url": "base64://e30="}]},
    "pages": {"name": "Shop & Söhne 999999"}
}"#;

fn config() -> Config {
    latchkey_config::read(CONFIG, None, &[], false).expect("an example").config
}

fn message(via: Via, language: &str) -> (QueuedMessage, MessagePayload) {
    let (mut queued, mut payload) = example(TemplateType::LoginCodeValid);
    queued.via = via;
    payload.content = Content::LoginCode(Code::new("048213").expect("an example"));
    payload.languages = vec![language.to_owned()];
    payload.request_url = "https://login.example.org:8443/self-service/login/browser?aal=111111".to_owned();
    (queued, payload)
}

fn render(courier: &Courier, via: Via, language: &str) -> Rendered {
    let (queued, payload) = message(via, language);
    Templates::new(courier).expect("an example").render(&queued, &payload, queued.created_at).expect("an example")
}

fn first_code(text: &str) -> &str {
    let code = regex_lite::Regex::new(r"(?-u:\b)\d{6}(?-u:\b)").expect("an example");
    code.find(text).map_or("", |found| found.as_str())
}

#[test]
fn code_is_the_first_number_in_every_part() {
    let config = config();
    for language in ["en", "de", "fr", "es", "ja", "tlh"] {
        let email = render(&config.courier, Via::Email, language);
        let html = email.html.unwrap();
        for text in [&email.subject, &email.text, &html] {
            assert_eq!(first_code(text), "048213", "{language}: {text}");
        }
        assert!(email.text.contains("10") && html.contains("Shop &amp; Söhne"), "{language}");
        assert!(!email.text.contains('{') && !html.contains("{{"), "{language}");
        let said = if language == "tlh" { "en" } else { language };
        assert!(html.contains(&format!("<html lang=\"{said}\"")), "{language}");
        let sms = render(&config.courier, Via::Sms, language);
        assert_eq!(sms.subject, "");
        assert_eq!(sms.html, None);
        assert_eq!(first_code(&sms.text), "048213", "{language}: {}", sms.text);
        assert_eq!(sms.text.trim_end().lines().last(), Some("@login.example.org #048213"), "{language}");
    }
}

#[test]
fn unknown_address_gets_no_code() {
    let templates = Templates::new(&config().courier).unwrap();
    let mut subjects = Vec::new();
    for language in ["en", "de", "fr", "es", "ja"] {
        let (queued, mut payload) = example(TemplateType::LoginCodeInvalid);
        payload.languages = vec![language.to_owned()];
        let Rendered { subject, text, html, .. } = templates.render(&queued, &payload, queued.created_at).unwrap();
        let html = html.unwrap();
        // The name has six digits of its own. The message has no code and no placeholder of one.
        for part in [&subject, &text, &html] {
            assert!(!part.contains("{{") && !part.contains("{code}") && !part.contains("123456"), "{language}: {part}");
        }
        assert!(html.contains(&format!("<html lang=\"{language}\"")) && !html.contains("class=\"code\""), "{html}");
        subjects.push(subject);
        if language == "en" {
            assert_eq!(
                text,
                "A code to sign in to Shop & Söhne 999999 was requested for this address, but no account can receive codes \
                 here. If you requested it, try another address or another way to sign in.\n\n\
                 If you didn’t request it, someone may have entered your address by mistake. You can ignore this email.\n\n\
                 Requested: 1970-01-01 00:00 UTC\nDevice: Firefox on Windows\nLocation: Lisbon, PT\n\n\
                 -- \nFor signing in at login.example.org\n"
            );
        }
    }
    subjects.dedup();
    assert_eq!(subjects.len(), 5, "{subjects:?}");
}

#[test]
fn english_email_is_worded_as_documented() {
    let email = render(&config().courier, Via::Email, "en-GB");
    assert_eq!(email.subject, "048213 is your sign-in code for Shop & Söhne 999999");
    assert_eq!(
        email.text,
        "Enter 048213 to sign in to Shop & Söhne 999999.\n\n    048213\n\n\
         It expires in 10 minutes and works only once.\n\n\
         Don’t share this code with anyone. We will never ask you for it.\n\n\
         If you didn’t try to sign in, someone may have entered your address by mistake. Without the code they can’t sign \
         in, so you can ignore this email.\n\n\
         Requested: 1970-01-01 00:00 UTC\nDevice: Firefox on Windows\nLocation: Lisbon, PT\n\n-- \nFor signing in at login.example.org\n"
    );
}

#[test]
fn email_names_what_is_known_of_requester() {
    let templates = Templates::new(&config().courier).unwrap();
    let (queued, mut payload) = message(Via::Email, "ja");
    payload.requester = Requester::new("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Firefox/133.0", None);
    let text = templates.render(&queued, &payload, queued.created_at).unwrap().text;
    assert!(text.contains("デバイス: Linux の Firefox\n") && !text.contains("場所"), "{text}");
    payload.requester = Requester::new("an app of ours/1.0", Some(String::new()));
    let email = templates.render(&queued, &payload, queued.created_at).unwrap();
    assert!(
        email.text.contains("リクエスト日時: 1970-01-01 00:00 UTC\n") && !email.text.contains("デバイス"),
        "{}",
        email.text
    );
    payload.requester.place = Some("<b>Zürich</b>, CH".to_owned());
    let html = templates.render(&queued, &payload, queued.created_at).unwrap().html.unwrap();
    assert!(html.contains("&lt;b&gt;Zürich"), "{html}");
}

#[test]
fn email_has_name_accent_and_logo() {
    let with = |logo: &[u8]| {
        let logo = format!("base64://{}", base64::engine::general_purpose::STANDARD.encode(logo));
        let pages = json!({"base_url": "https://login.example.org", "name": "Acme", "accent": "#0b6e4f", "logo": logo});
        let mut document: serde_json::Value = serde_json::from_str(CONFIG).unwrap();
        document["pages"] = pages;
        let config = latchkey_config::read(&document.to_string(), None, &[], false).expect("an example").config;
        render(&config.courier, Via::Email, "en").html.unwrap()
    };
    let html = with(b"\x89PNG\r\n\x1a\n");
    let logo = "src=\"https:&#x2f;&#x2f;login.example.org&#x2f;assets&#x2f;logo.mail.png\" alt=\"Acme\"";
    assert!(html.contains(logo), "{html}");
    assert!(html.contains("border-top:4px solid #0b6e4f;"), "{html}");
    // Mail programs show no SVG, so the name stands there.
    let html = with(b"<svg xmlns='http://www.w3.org/2000/svg'/>");
    assert!(!html.contains("<img") && html.contains(">Acme</p>"), "{html}");
}

#[test]
fn sms_without_domain_has_no_autofill_line() {
    let templates = Templates::new(&config().courier).unwrap();
    let (mut queued, mut payload) = message(Via::Sms, "de");
    queued.expires_at = Some(queued.created_at + time::Duration::MINUTE);
    for url in ["", "/login", "no url"] {
        payload.request_url = url.to_owned();
        let text = templates.render(&queued, &payload, queued.created_at).unwrap().text;
        assert_eq!(
            text,
            "048213 ist Ihr Anmeldecode für Shop & Söhne 999999. Er gilt eine Minute und nur einmal. Geben Sie ihn niemandem.\n"
        );
    }
}

fn own(part: &str, text: &str) -> Courier {
    let mut courier = config().courier;
    let wording = courier.templates.entry(TemplateType::LoginCodeValid).or_default();
    let slot = match part {
        "subject" => &mut wording.subject,
        "html" => &mut wording.html,
        "text" => &mut wording.text,
        _ => &mut wording.sms,
    };
    *slot = Some(TemplateText { source: "mine.gotmpl".to_owned(), text: text.to_owned() });
    courier
}

#[test]
fn configured_templates_replace_built_in_ones() {
    let text = "{% if identity.traits.name %}Hello {{ identity.traits.name }}, {% endif %}{{ login_code }} for {{ to }}, \
                {{ expires_in_minutes }} minutes, {{ request_url_domain }}, {{ language }}, {{ transient_payload.a.b }}";
    let email = render(&own("text", text), Via::Email, "fr");
    assert_eq!(email.text, "048213 for ann@example.org, 10 minutes, login.example.org, fr,\n");
    assert!(email.subject.contains("votre code"));
}

#[test]
fn client_input_is_escaped_and_not_evaluated() {
    let (queued, mut payload) = message(Via::Email, "en");
    payload.transient_payload = json!({"note": "<script>alert(1)</script>\r\nBcc: x@example.org {{ login_code }}"});
    let note = "{{ login_code }} {{ transient_payload.note }}";
    let html =
        Templates::new(&own("html", note)).unwrap().render(&queued, &payload, queued.created_at).unwrap().html.unwrap();
    assert!(
        html.contains("&lt;script&gt;") && !html.contains("<script>") && html.contains("{{ login_code }}"),
        "{html}"
    );
    let subject =
        Templates::new(&own("subject", note)).unwrap().render(&queued, &payload, queued.created_at).unwrap().subject;
    assert_eq!(subject, "048213 <script>alert(1)</script> Bcc: x@example.org {{ login_code }}");
}

#[test]
fn broken_template_names_file_and_line() {
    let endless = "\n{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}";
    let endless_quietly = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
    let itself = "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}";
    let large = "x".repeat(65 * 1024);
    for (text, says) in [
        ("a\nb {{ login_code", "mine.gotmpl:2: syntax error"),
        ("a\n{% if %}", "mine.gotmpl:2: "),
        ("a\n\n{{ code }}", "mine.gotmpl:3: there is no \"code\"; a template may use to, login_code,"),
        ("{{ login_code | shout }}", "mine.gotmpl:1: unknown filter"),
        ("{% include 'other' %}", "mine.gotmpl:1: "),
        (endless, "mine.gotmpl:2: "),
        (endless_quietly, "mine.gotmpl:1: it does not end"),
        (itself, "mine.gotmpl:1: "),
        (&large, "mine.gotmpl: the template has 66560 bytes"),
    ] {
        let error = Templates::new(&own("text", text)).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.starts_with(says), "{says}: {error}");
    }
}

#[test]
fn template_error_quotes_no_value() {
    let templates = Templates::new(&own("text", "{{ login_code }}\n{{ identity.traits.n + 1 }}"));
    let templates = templates
        .or_else(|_| Templates::new(&own("text", "{% if identity.traits.n %}{{ login_code + 1 }}{% endif %}")));
    let (queued, mut payload) = message(Via::Email, "en");
    payload.identity = json!({"traits": {"n": "secret"}});
    let error = templates.unwrap().render(&queued, &payload, queued.created_at).unwrap_err().to_string();
    assert!(
        error.starts_with("login_code_valid/email.text:") && !error.contains("secret") && !error.contains("048213"),
        "{error}"
    );
}

#[test]
fn late_message_names_the_minutes_left() {
    let templates = Templates::new(&config().courier).unwrap();
    let (queued, payload) = message(Via::Email, "en");
    for (late, said) in [(0, "It expires in 10 minutes"), (340, "It expires in 4 minutes"), (570, "less than a minute")]
    {
        let now = queued.created_at + time::Duration::seconds(late);
        let text = templates.render(&queued, &payload, now).unwrap().text;
        assert!(text.contains(said), "after {late} s: {text}");
    }
}

/// A text message is paid by the part: 160 characters of GSM's alphabet, or 70 of any other.
#[test]
fn sms_in_gsm_alphabet_fits_one_part() {
    let alphabet = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ!\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà \n";
    let mut courier = config().courier;
    courier.name = "Latchkey".to_owned();
    for language in ["en", "de", "fr", "es"] {
        let text = render(&courier, Via::Sms, language).text;
        let strange: String = text.chars().filter(|payload| !alphabet.contains(*payload)).collect();
        assert_eq!(strange, "", "{language}: {text}");
        assert!(text.trim_end().chars().count() <= 160, "{language}: {text}");
    }
    assert!(render(&courier, Via::Sms, "ja").text.trim_end().chars().count() <= 2 * 67);
}
