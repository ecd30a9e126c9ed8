//! One-time codes, sent to an address (contract `methods-password-code-2fa.md` 3).

use crate::form::Forms;
use latchkey_core::aal::Aal;
use latchkey_core::flow::{CodeAddress, FieldMessage, FlowState, LoginFlow, Screen};
use latchkey_core::form::{self, Group, InputType, Node};
use latchkey_core::identity::Identity;
use latchkey_core::message::Message;
use latchkey_schema::normalize_identifier;
use latchkey_schema::phone::digit;
use serde_json::Value;

/// Where people say which language they read, in the order in which it counts.
const LANGUAGE_TRAITS: [&str; 4] = ["lang", "language", "locale", "preferred_language"];
/// So many characters of a code are looked at; none has as many.
const MOST_READ: usize = 64;
/// Languages that are passed on to the courier.
const MOST_LANGUAGES: usize = 8;

/// Whether the method serves a flow.
pub fn serves(forms: &Forms, flow: &LoginFlow) -> bool {
    // Members of an organization sign in by its own methods, of which there are none yet.
    forms.code.first_factor && flow.requested_aal == Aal::Aal1 && flow.organization_id.is_none()
}

/// Whether somebody known chooses among their addresses instead of typing one.
pub fn picks_address(forms: &Forms, flow: &LoginFlow) -> bool {
    forms.choose_address && flow.refresh && serves(forms, flow)
}

/// Adds the method's inputs to the first screen.
pub fn populate(forms: &Forms, flow: &LoginFlow, nodes: &mut Vec<Node>) {
    if !serves(forms, flow) {
        return;
    }
    if picks_address(forms, flow) {
        for address in &flow.form.addresses {
            let label = Message::send_code_to(&address.value, address.via.as_str());
            let node = Node::input(Group::Code, "address", InputType::Submit).value(address.value.as_str());
            form::upsert(nodes, node.label(label));
        }
        return;
    }
    let identifier = Node::input(Group::Default, "identifier", InputType::Text).value("").required();
    form::upsert(nodes, identifier.label(forms.identifier_label(flow)));
    form::upsert(nodes, ask_button());
}

/// The button that asks for a code.
pub(crate) fn ask_button() -> Node {
    Node::input(Group::Code, "method", InputType::Submit).value("code").label(Message::send_code())
}

/// The screen that asks for the code, made of the first screen's inputs.
pub(crate) fn entry(start: Vec<Node>, bare: bool) -> Vec<Node> {
    let hidden = |mut node: Node| {
        node.attributes.kind = InputType::Hidden;
        // An address that could be chosen stays as an identifier.
        "identifier".clone_into(&mut node.attributes.name);
        node
    };
    let is_identifier = |node: &Node| matches!(node.attributes.name.as_str(), "identifier" | "address");
    let mut nodes: Vec<Node> = start.into_iter().filter(is_identifier).map(hidden).collect();
    if bare {
        let identifier = Node::input(Group::Default, "identifier", InputType::Hidden).value("");
        match nodes.first_mut() {
            Some(first) => *first = identifier,
            None => nodes.push(identifier),
        }
    }
    let input = |name, kind| Node::input(Group::Code, name, kind);
    nodes.extend([
        input("method", InputType::Hidden).value("code"),
        input("code", InputType::Text).required().autocomplete("one-time-code").label(Message::label_login_code()),
        input("method", InputType::Submit).value("code").label(Message::go_on()),
        input("resend", InputType::Submit).value("code").label(Message::resend_code()),
    ]);
    nodes
}

/// What was submitted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Payload<'a> {
    /// `identifier`.
    pub identifier: Option<&'a str>,
    /// `address`, one that was offered.
    pub address: Option<&'a str>,
    /// `code`.
    pub code: Option<&'a str>,
    /// `resend`.
    pub resend: Option<&'a str>,
    /// JSON type of a `transient_payload` that is not an object.
    pub transient_fault: Option<&'static str>,
}

/// A code as its reader meant it: the digits, of whatever script, without what comes along when one is pasted, such as blanks,
/// hyphens, dots and direction marks. Letters stay, and make it a wrong one. None when nothing is left.
pub fn read(typed: &str) -> Option<String> {
    let meant = |c: char| match digit(c) {
        Some(value) => char::from_digit(value, 10),
        None => Some(c).filter(|c| c.is_alphanumeric()),
    };
    let read: String = typed.chars().filter_map(meant).take(MOST_READ).collect();
    (!read.is_empty()).then_some(read)
}

/// A step that can be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Send a code to whoever this identifies.
    Send {
        /// The identifier as typed.
        identifier: &'a str,
    },
    /// Check a code.
    Verify {
        /// The identifier as typed.
        identifier: &'a str,
        /// The code as meant.
        code: String,
    },
}

/// Why no step can be taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// A message per input.
    pub fields: Vec<FieldMessage>,
    /// What the form's identifier holds afterwards.
    pub identifier: String,
    /// The flow as it goes on from there; a resend that fails falls back to where a code is asked for.
    pub state: FlowState,
    /// Whether the identifier of the code's screen is made anew.
    pub bare: bool,
    /// Whether something was there that may not be, whoever sends it.
    pub malformed: bool,
}

/// What to look up for a submission whose flow is not known yet: the address and the identifier in it, the one that counts
/// depends on the flow.
pub fn lookups(payload: &Payload<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for typed in [payload.identifier, payload.address].into_iter().flatten() {
        for spelling in spellings(typed) {
            if !all.contains(&spelling) {
                all.push(spelling);
            }
        }
    }
    all
}

/// An identifier normalised, and as typed if that differs.
pub fn spellings(typed: &str) -> Vec<String> {
    let typed = shown(typed);
    let normalised = normalize_identifier(&typed);
    if normalised == typed { vec![normalised] } else { vec![normalised, typed] }
}

/// Reads a submission by the state of its flow.
///
/// # Errors
/// What is missing or not allowed.
pub fn parse<'a>(flow: &LoginFlow, payload: &Payload<'a>) -> Result<Step<'a>, Fault> {
    let resending = payload.resend == Some("code");
    let verifying = flow.state == FlowState::SentEmail && !resending;
    let identifier =
        if verifying { payload.address.or(payload.identifier) } else { payload.identifier.or(payload.address) };
    let code = payload.code.and_then(read);
    let mut fields = Vec::new();
    let mut say = |field: &str, message: Message| fields.push(FieldMessage { field: field.to_owned(), message });
    if let Some(actual) = payload.transient_fault {
        say("transient_payload", Message::wrong_type("object", actual));
    }
    let bad_resend = payload.resend.is_some() && !resending;
    if bad_resend {
        say("resend", Message::generic("value must be \"code\""));
    } else if verifying {
        match (identifier, &code) {
            (_, None) => say("code", Message::missing("code")),
            (None, Some(_)) => say("identifier", Message::missing("identifier")),
            (Some(_), Some(_)) => {}
        }
    } else if identifier.is_none() {
        say("identifier", Message::missing("identifier"));
    }
    match (identifier, code) {
        (Some(identifier), Some(code)) if verifying && fields.is_empty() => Ok(Step::Verify { identifier, code }),
        (Some(identifier), _) if !verifying && fields.is_empty() => Ok(Step::Send { identifier }),
        _ => Err(Fault {
            fields,
            identifier: identifier.unwrap_or_default().to_owned(),
            state: if verifying { flow.state } else { FlowState::ChooseMethod },
            bare: verifying && !bad_resend || flow.form.screen == Screen::Code { bare: true },
            malformed: bad_resend || payload.transient_fault.is_some(),
        }),
    }
}

/// An identifier as the form shows it after a code was asked for.
pub fn shown(typed: &str) -> String {
    if typed.contains('@') { typed.to_lowercase() } else { typed.to_owned() }
}

/// Which addresses of a person receive a code: the one that was asked for, else all of the credential. When the configuration
/// lets people without a code credential sign in by code, a verifiable address that was asked for counts as well.
pub fn receivers(identity: &Identity, typed: &str, fallback: bool) -> Vec<CodeAddress> {
    let wanted = spellings(typed);
    let asked = |address: &&CodeAddress| wanted.contains(&address.value);
    let own = identity.code_addresses(false);
    if let Some(one) = own.iter().find(asked) {
        return vec![one.clone()];
    }
    let verifiable = identity.verifiable_addresses.iter().filter(|_| fallback);
    let verifiable: Vec<_> = verifiable.map(|a| CodeAddress { via: a.via, value: a.value.clone() }).collect();
    match verifiable.iter().find(asked) {
        Some(one) => vec![one.clone()],
        None => own,
    }
}

/// Languages that a person may read, best first: what their traits say, then what their browser asks for.
pub fn languages(traits: &Value, accept_language: Option<&str>) -> Vec<String> {
    let own = LANGUAGE_TRAITS.iter().find_map(|name| traits.get(name)?.as_str());
    let mut asked: Vec<(&str, f32)> = accept_language
        .unwrap_or_default()
        .split(',')
        .filter_map(|part| {
            let (tag, weight) = part.split_once(';').unwrap_or((part, "q=1"));
            let weight = weight.trim().strip_prefix("q=")?.parse().ok()?;
            Some((tag.trim(), weight))
        })
        .collect();
    asked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let is_tag = |tag: &&str| {
        (2..=35).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let all = own.into_iter().chain(asked.into_iter().map(|(tag, _)| tag)).filter(is_tag);
    all.take(MOST_LANGUAGES).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_spellings_are_looked_up_once() {
        let payload =
            Payload { identifier: Some(" ADA@Example.org"), address: Some("ada@example.org"), ..Payload::default() };
        assert_eq!(lookups(&payload), ["ada@example.org", " ada@example.org"]);
        assert_eq!(spellings("+49 176 671 11 638"), ["+4917667111638", "+49 176 671 11 638"]);
    }

    #[test]
    fn a_code_is_read_as_it_was_meant() {
        for typed in [
            "012345",
            " 012345",
            "012345\r\n",
            "012 345",
            "012\u{2009}345",
            "012-345",
            "012\u{2011}345",
            "0.1.2.3.4.5",
            "012\u{b7}345",
            "\u{200b}012345\u{feff}",
            "\u{2066}012345\u{2069}",
            "\u{202a}012345\u{202c}",
            "#012345",
            "(012345)",
            "\"012345\".",
            "０１２３４５",
            "٠١٢٣٤٥",
            "۰۱۲۳۴۵",
            "०१२३४५",
            "𝟎𝟏𝟐𝟑𝟒𝟓",
            "0\u{fe0f}\u{20e3}12345",
        ] {
            assert_eq!(read(typed).as_deref(), Some("012345"), "{typed:?}");
        }
        for nothing in ["", " ", "-", "\u{200b}", "…", "()"] {
            assert_eq!(read(nothing), None, "{nothing:?}");
        }
        assert_eq!(read("12345x").as_deref(), Some("12345x"), "letters are no slip of the clipboard");
        assert_eq!(read(&"1".repeat(60_000)).unwrap().len(), MOST_READ);
    }

    #[test]
    fn a_code_goes_where_it_was_asked_for_as_far_as_that_is_the_persons() {
        let at = "2026-07-29T10:00:00Z";
        let verifiable = |value: &str| {
            json!({"id": "00000000-0000-4000-8000-000000000001", "value": value, "verified": false, "via": "email",
                   "status": "pending", "created_at": at, "updated_at": at})
        };
        let mut person = json!({
            "id": "00000000-0000-4000-8000-000000000000", "schema_id": "default", "state": "active", "traits": {},
            "state_changed_at": at, "created_at": at, "updated_at": at,
            "verifiable_addresses": [verifiable("second@example.org")],
            "credentials": {"code": {"identifiers": ["+4917667111638", "first@example.org"], "created_at": at, "updated_at": at}},
        });
        let to = |person: &Value, typed: &str, fallback: bool| -> Vec<String> {
            let person: Identity = serde_json::from_value(person.clone()).unwrap();
            receivers(&person, typed, fallback).into_iter().map(|address| address.value).collect()
        };
        assert_eq!(to(&person, "First@example.org", false), ["first@example.org"]);
        assert_eq!(to(&person, "+49 176 671 11 638", false), ["+4917667111638"]);
        assert_eq!(to(&person, "second@example.org", true), ["second@example.org"]);
        assert_eq!(to(&person, "ada", true), ["+4917667111638", "first@example.org"], "by a user name: to all of hers");
        person["credentials"] = json!({});
        assert_eq!(to(&person, "second@example.org", true), ["second@example.org"]);
        assert!(to(&person, "second@example.org", false).is_empty() && to(&person, "ada", true).is_empty());
    }

    #[test]
    fn languages_come_from_the_person_first() {
        let asked = Some("de;q=0.5, fr-CH, *;q=0.1, x, en;q=nan-sense");
        assert_eq!(languages(&json!({"lang": "ja"}), asked), ["ja", "fr-CH", "de"]);
        assert_eq!(languages(&json!({"lang": 7}), None), Vec::<String>::new());
        assert_eq!(languages(&json!({"locale": "<b>"}), Some("en")), ["en"]);
    }
}
