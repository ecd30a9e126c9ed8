//! A flow's form, drawn node by node. Nothing here knows a login method: types and attributes decide how a node looks, and its group
//! decides only what stands together. A node of a type that this release does not know is drawn as the most similar one.

use crate::message::Message;
use crate::page::{Tone, Visit, announced, icon, notes, toned};
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// The form of a flow.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Form {
    /// The URL that it posts to.
    pub(crate) action: String,
    /// The verb.
    pub(crate) method: String,
    /// Its nodes.
    pub(crate) nodes: Vec<Node>,
    /// Its messages.
    pub(crate) messages: Vec<Message>,
}

/// A node of a form.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Node {
    #[serde(rename = "type")]
    kind: String,
    group: String,
    attributes: Map<String, Value>,
    messages: Vec<Message>,
    meta: Meta,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Meta {
    label: Option<Message>,
}

/// The functions of the API's script that a node may call.
const TRIGGERS: [&str; 6] = [
    "oryWebAuthnRegistration",
    "oryWebAuthnLogin",
    "oryPasskeyLogin",
    "oryPasskeyLoginAutocompleteInit",
    "oryPasskeyRegistration",
    "oryPasskeySettingsRegistration",
];

/// Input types that browsers know and the API may use, besides plain text.
const FIELDS: [&str; 7] = ["password", "number", "email", "tel", "datetime-local", "date", "url"];

/// How a node is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Hidden,
    /// Submits the form.
    Submit,
    /// Runs in the browser.
    Button,
    Checkbox,
    Field,
}

impl Form {
    /// Whether there is an empty input for an identifier.
    pub(crate) fn asks_who(&self) -> bool {
        self.nodes.iter().any(Node::asks_who)
    }

    /// Fills in an empty identifier.
    pub(crate) fn identify(&mut self, identifier: &str) {
        for node in self.nodes.iter_mut().filter(|node| node.asks_who()) {
            node.attributes.insert("value".to_owned(), identifier.into());
        }
    }
}

impl Node {
    fn asks_who(&self) -> bool {
        self.name() == "identifier" && self.look() == Some(Look::Field) && self.text("value").is_none_or(str::is_empty)
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.attributes.get(key).and_then(Value::as_str)
    }

    fn flag(&self, key: &str) -> bool {
        self.attributes.get(key) == Some(&Value::Bool(true))
    }

    /// An attribute as text, of any JSON type.
    fn shown(&self, key: &str) -> Option<String> {
        match self.attributes.get(key)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    fn name(&self) -> &str {
        self.text("name").unwrap_or_default()
    }

    fn look(&self) -> Option<Look> {
        (self.kind == "input").then(|| match self.text("type") {
            // The identity of a refresh is shown, and password managers can read it.
            Some("hidden") if self.name() == "identifier" && self.text("value").is_some_and(|v| !v.is_empty()) => {
                Look::Field
            }
            Some("hidden") => Look::Hidden,
            Some("submit") => Look::Submit,
            Some("button") => Look::Button,
            Some("checkbox") => Look::Checkbox,
            _ => Look::Field,
        })
    }

    fn is_action(&self) -> bool {
        matches!(self.look(), Some(Look::Submit | Look::Button))
    }

    /// An input that a user fills in.
    fn is_filled_in(&self) -> bool {
        matches!(self.look(), Some(Look::Field | Look::Checkbox)) && self.text("type") != Some("hidden")
    }

    /// Whether a user sees it: every node but hidden inputs and scripts.
    pub(crate) fn is_visible(&self) -> bool {
        self.kind != "script" && self.look() != Some(Look::Hidden)
    }

    fn is_wrong(&self) -> bool {
        self.messages.iter().any(Message::is_error)
    }

    fn label(&self, visit: &Visit<'_>) -> Option<String> {
        let own = self.attributes.get("label").or_else(|| self.attributes.get("title"));
        let own = own.and_then(|label| serde_json::from_value::<Message>(label.clone()).ok());
        let label = self.meta.label.clone().or(own)?;
        Some(visit.message(&label, None)).filter(|text| !text.is_empty())
    }

    fn trigger(&self, key: &str) -> Option<&str> {
        self.text(key).filter(|name| TRIGGERS.contains(name))
    }
}

/// A form as it is drawn.
struct Drawing<'a> {
    visit: &'a Visit<'a>,
    form: &'a Form,
    /// The node that Enter presses.
    primary: Option<usize>,
    /// The input that has the focus.
    focus: Option<usize>,
    /// Where a user begins who is not the one that the form names.
    other: Option<&'a str>,
}

/// Draws a form with its notes: `more`, the form's own messages, and those of hidden nodes. `other` is where a user begins who is not
/// the one that the form names.
pub(crate) fn form(visit: &Visit<'_>, form: &Form, more: Option<(Tone, String)>, other: Option<&str>) -> Markup {
    let unseen = form.nodes.iter().filter(|node| node.look() == Some(Look::Hidden)).flat_map(|node| &node.messages);
    let own = form.messages.iter().chain(unseen).map(|message| (Tone::of(message), visit.message(message, None)));
    let own: Vec<_> = own.collect();
    let is_wrong = own.iter().any(|(tone, _)| *tone == Tone::Error);
    // The first notice is not repeated once the form has an error.
    let fresh = !is_wrong && !form.nodes.iter().any(Node::is_wrong);
    let all: Vec<_> = more.filter(|_| fresh).into_iter().chain(own).collect();
    // A screen reader announces errors by itself, so the focus can be on the field to correct.
    let focus = focus(&form.nodes);
    let drawing = Drawing { visit, form, primary: primary(&form.nodes), focus, other };
    html! {
        @if focus.is_some() { (announced(visit.language, &all)) } @else { (notes(visit.language, &all)) }
        (drawing.draw())
    }
}

/// The submit button for the inputs: that of a method with an input of its own, else the first one behind an input, preferably of a
/// method.
fn primary(nodes: &[Node]) -> Option<usize> {
    let own = |button: &Node| nodes.iter().any(|node| node.is_filled_in() && node.group == button.group);
    let of_method = |node: &Node| node.look() == Some(Look::Submit) && node.name() == "method";
    if let Some(found) = nodes.iter().position(|node| of_method(node) && own(node)) {
        return Some(found);
    }
    let first = nodes.iter().position(Node::is_filled_in).unwrap_or_default();
    let behind = || nodes.iter().enumerate().skip(first).filter(|(_, node)| node.look() == Some(Look::Submit));
    let found = behind().find(|(_, node)| node.name() == "method").or_else(|| behind().next());
    found.map(|(at, _)| at)
}

/// The first input with an error, else the first empty one.
fn focus(nodes: &[Node]) -> Option<usize> {
    let fields = || nodes.iter().enumerate().filter(|(_, node)| node.is_filled_in() && !node.flag("disabled"));
    let empty = |node: &Node| node.look() == Some(Look::Field) && node.text("value").is_none_or(str::is_empty);
    fields().find(|(_, node)| node.is_wrong()).or_else(|| fields().find(|(_, node)| empty(node))).map(|(at, _)| at)
}

impl Drawing<'_> {
    /// Whether the form replaces one that was submitted too late: then the script keeps the identifier.
    fn timed_out(&self) -> bool {
        self.form.messages.iter().any(Message::is_timed_out)
    }

    fn draw(&self) -> Markup {
        let nodes = &self.form.nodes;
        let hidden = nodes.iter().filter(|node| node.look() == Some(Look::Hidden));
        let method = if self.form.method.eq_ignore_ascii_case("get") { "get" } else { "post" };
        let scripts = nodes.iter().filter(|node| node.kind == "script");
        html! {
            form action=(web(&self.form.action).unwrap_or_default()) method=(method) data-timed-out[self.timed_out()] {
                @for node in hidden { (hidden_input(node)) }
                (self.default_button())
                @for (place, block) in self.blocks().into_iter().enumerate() {
                    @let scripted = block.iter().all(|at| nodes[*at].look() == Some(Look::Button));
                    div.block.scripted[scripted] {
                        @if place > 0 && block.iter().any(|at| nodes[*at].is_action()) { p.or { span { (self.visit.say("or")) } } }
                        @for at in block { (self.node(at)) }
                    }
                }
            }
            @if nodes.iter().any(|node| node.look() == Some(Look::Button)) {
                noscript { p.quiet { (self.visit.say("needs_script")) } }
            }
            @for node in scripts { (script(node)) }
        }
    }

    /// The nodes in the order of drawing: that of the API, except for two kinds of buttons. A button that only sends a code comes behind
    /// the inputs, so that an error does not move it. A second button of the same method, such as "Resend", comes behind the button that
    /// continues.
    fn order(&self) -> Vec<usize> {
        let nodes = &self.form.nodes;
        let first = nodes.iter().position(Node::is_filled_in).unwrap_or(nodes.len());
        let last = nodes.iter().rposition(Node::is_filled_in).unwrap_or_default();
        let bare = |group: &str| !nodes.iter().any(|node| node.group == group && node.is_filled_in());
        let later = |at: &usize| {
            let node = &nodes[*at];
            let sends_code = (first < *at || node.group == "code") && *at < last && bare(&node.group);
            let sends_again = node.name() != "method"
                && self.primary.is_some_and(|primary| *at < primary && nodes[primary].group == node.group);
            node.look() == Some(Look::Submit) && (sends_code || sends_again)
        };
        let (later, now): (Vec<usize>, Vec<usize>) = (0..nodes.len()).partition(later);
        [now, later].concat()
    }

    /// Blocks of nodes: a new one begins where the group changes behind a button.
    fn blocks(&self) -> Vec<Vec<usize>> {
        let nodes = &self.form.nodes;
        let mut blocks: Vec<Vec<usize>> = Vec::new();
        let mut group = None;
        for at in self.order() {
            let node = &nodes[at];
            if node.look() == Some(Look::Hidden) || node.kind == "script" {
                continue;
            }
            let closed = blocks.last().is_none_or(|block| block.iter().any(|at| nodes[*at].is_action()));
            if blocks.is_empty() || (closed && group != Some(&node.group)) {
                blocks.push(Vec::new());
            }
            if let Some(block) = blocks.last_mut() {
                block.push(at);
            }
            group = Some(&node.group);
        }
        blocks
    }

    /// Enter in an input presses a form's first button. If that is not the button of the inputs, such as that of a provider above them, a
    /// copy of the right one comes first.
    fn default_button(&self) -> Markup {
        let first = self.order().into_iter().find(|at| self.form.nodes[*at].look() == Some(Look::Submit));
        match self.primary.filter(|at| Some(*at) != first).and_then(|at| self.form.nodes.get(at)) {
            Some(node) => html! {
                button.unseen type="submit" name=(node.name()) value=[node.shown("value")] tabindex="-1" aria-hidden="true" {}
            },
            None => html! {},
        }
    }

    fn node(&self, at: usize) -> Markup {
        let node = &self.form.nodes[at];
        match (node.look(), node.kind.as_str()) {
            (Some(Look::Submit | Look::Button), _) => self.button(at, node),
            (Some(Look::Checkbox), _) => self.checkbox(at, node),
            (Some(_), _) => self.field(at, node),
            (None, "img") => html! { (self.image(node)) (self.messages(at, node)) },
            (None, "a") => html! { (self.link(node)) (self.messages(at, node)) },
            (None, "div") => html! { (division(node)) (self.messages(at, node)) },
            (None, _) => html! { (self.text(node)) (self.messages(at, node)) },
        }
    }

    fn messages(&self, at: usize, node: &Node) -> Markup {
        let label = node.label(self.visit);
        html! {
            @if !node.messages.is_empty() {
                div.about id={ "about-" (at) } {
                    @for message in &node.messages {
                        @let tone = Tone::of(message);
                        p class={ "said " (message_class(tone)) } {
                            (toned(self.visit.language, tone, &self.visit.message(message, label.as_deref())))
                        }
                    }
                }
            }
        }
    }

    fn button(&self, at: usize, node: &Node) -> Markup {
        let is_submit = node.look() == Some(Look::Submit);
        let label = node.label(self.visit).or_else(|| node.shown("value").filter(|value| !value.is_empty()));
        html! {
            button type=(if is_submit { "submit" } else { "button" }) class=[(self.primary == Some(at)).then_some("primary")]
                name=(node.name()) value=[node.shown("value")] disabled[node.flag("disabled")]
                formnovalidate[is_submit && self.skips_inputs(node)]
                aria-describedby=[describes(at, node)]
                data-onclick=[node.trigger("onclickTrigger")] data-onload=[node.trigger("onloadTrigger")] {
                (label.as_deref().unwrap_or(node.name()))
            }
            (self.messages(at, node))
        }
    }

    /// Whether a button does not need some of the required inputs: those of other methods, or all of them.
    fn skips_inputs(&self, button: &Node) -> bool {
        let foreign = |node: &Node| node.flag("required") && node.group != "default" && node.group != button.group;
        button.name() != "method" || self.form.nodes.iter().any(|node| node.is_filled_in() && foreign(node))
    }

    fn checkbox(&self, at: usize, node: &Node) -> Markup {
        let checked = matches!(node.shown("value").as_deref(), Some("true" | "1" | "on"));
        html! {
            div.field {
                label.check for={ "node-" (at) } {
                    input id={ "node-" (at) } type="checkbox" name=(node.name()) value="true" checked[checked]
                        required[node.flag("required")] disabled[node.flag("disabled")] autofocus[self.focus == Some(at)]
                        aria-invalid=[node.is_wrong().then_some("true")] aria-describedby=[describes(at, node)];
                    span { (self.label_of(node)) }
                }
                (self.messages(at, node))
            }
        }
    }

    fn label_of(&self, node: &Node) -> String {
        let fixed = node.text("type") == Some("hidden");
        let label = node.label(self.visit).or_else(|| fixed.then(|| self.visit.identifier_label()));
        label.unwrap_or_else(|| node.name().to_owned())
    }

    fn field(&self, at: usize, node: &Node) -> Markup {
        let is_secret = node.text("type") == Some("password");
        html! {
            @let fixed = node.name() == "identifier" && node.text("type") == Some("hidden");
            div.field {
                div.caption {
                    label for={ "node-" (at) } { (self.label_of(node)) }
                    @if let Some(other) = self.other.filter(|_| fixed) { a href=(other) { (self.visit.say("change")) } }
                }
                div.control {
                    @match node.attributes.get("options").and_then(Value::as_array) {
                        Some(options) => (self.choice(at, node, options)),
                        None => (self.input(at, node)),
                    }
                    @if is_secret {
                        button.reveal type="button" hidden aria-pressed="false" aria-label=(self.visit.say("show_password"))
                            title=(self.visit.say("show_password")) data-reveal={ "node-" (at) } { (icon("eye")) }
                    }
                }
                (self.messages(at, node))
            }
        }
    }

    fn input(&self, at: usize, node: &Node) -> Markup {
        let kind = node.text("type").filter(|kind| FIELDS.contains(kind)).unwrap_or("text");
        let (autocomplete, inputmode) = hints(node);
        let inputmode =
            inputmode.or_else(|| (node.name() == "identifier" && self.visit.app.emails_only).then_some("email"));
        // A secret that the API sent back would be a mistake, so it is not shown.
        let value = node.shown("value").filter(|_| kind != "password");
        html! {
            input id={ "node-" (at) } type=(kind) name=(node.name()) value=[value] required[node.flag("required")]
                disabled[node.flag("disabled")] readonly[node.text("type") == Some("hidden")] autocomplete=[autocomplete]
                inputmode=[inputmode] step=[(kind == "number").then_some("any")] pattern=[node.text("pattern")]
                maxlength=[node.attributes.get("maxlength").and_then(Value::as_u64).filter(|most| *most > 0)]
                autocapitalize=[(kind == "text").then_some("none")] spellcheck=[(kind == "text").then_some("false")]
                autofocus[self.focus == Some(at)]
                aria-invalid=[node.is_wrong().then_some("true")] aria-describedby=[describes(at, node)]
                data-onclick=[node.trigger("onclickTrigger")] data-onload=[node.trigger("onloadTrigger")];
        }
    }

    fn choice(&self, at: usize, node: &Node, options: &[Value]) -> Markup {
        let current = node.shown("value");
        html! {
            select id={ "node-" (at) } name=(node.name()) required[node.flag("required")] disabled[node.flag("disabled")]
                autofocus[self.focus == Some(at)] autocomplete=[hints(node).0]
                aria-invalid=[node.is_wrong().then_some("true")] aria-describedby=[describes(at, node)] {
                option value="" { (self.visit.say("choose")) }
                @for option in options {
                    @let value = match &option["value"] { Value::String(text) => text.clone(), other => other.to_string() };
                    option value=(value) selected[current.as_deref() == Some(&value)] { (value) }
                }
            }
        }
    }

    fn image(&self, node: &Node) -> Markup {
        let label = node.label(self.visit).unwrap_or_default();
        let source = node.text("src").filter(|src| src.starts_with("data:image/") || web(src).is_some());
        html! {
            figure {
                @if let Some(source) = source {
                    img id=[node.text("id")] src=(source) alt=(label) width=[node.shown("width")] height=[node.shown("height")];
                }
                @if !label.is_empty() { figcaption aria-hidden="true" { (label) } }
            }
        }
    }

    fn link(&self, node: &Node) -> Markup {
        let href =
            node.text("href").filter(|href| web(href).is_some() || (href.starts_with('/') && !href.starts_with("//")));
        html! {
            p { a id=[node.text("id")] href=[href] { (node.label(self.visit).unwrap_or_else(|| node.name().to_owned())) } }
        }
    }

    /// A text node, and any unknown node: its label and its text.
    fn text(&self, node: &Node) -> Markup {
        let text = node.attributes.get("text").and_then(|text| serde_json::from_value::<Message>(text.clone()).ok());
        let text = text.map(|text| self.visit.message(&text, None)).filter(|text| !text.is_empty());
        let label = node.meta.label.as_ref().map(|label| self.visit.message(label, None));
        html! {
            div.text id=[node.text("id")] {
                @if let Some(label) = &label { p.quiet { (label) } }
                @if let Some(text) = text { @if label.is_some() { p { code { (text) } } } @else { p { (text) } } }
            }
        }
    }
}

fn message_class(tone: Tone) -> &'static str {
    if tone == Tone::Error { "error" } else { "" }
}

fn describes(at: usize, node: &Node) -> Option<String> {
    (!node.messages.is_empty()).then(|| format!("about-{at}"))
}

/// `autocomplete` from the API, or what password managers expect for the usual names; and the keyboard of a phone.
fn hints(node: &Node) -> (Option<&str>, Option<&'static str>) {
    let usual = match node.name() {
        "identifier" | "password_identifier" => Some("username"),
        "password" => Some("current-password"),
        "code" | "totp_code" => Some("one-time-code"),
        "lookup_secret" => Some("off"),
        _ => None,
    };
    let autocomplete = node.text("autocomplete").filter(|value| !value.is_empty()).or(usual);
    (autocomplete, (autocomplete == Some("one-time-code")).then_some("numeric"))
}

/// A URL that a browser may follow.
fn web(url: &str) -> Option<&str> {
    (url.starts_with("https://") || url.starts_with("http://")).then_some(url)
}

fn hidden_input(node: &Node) -> Markup {
    html! {
        input type="hidden" name=(node.name()) value=[node.shown("value")] disabled[node.flag("disabled")]
            data-onload=[node.trigger("onloadTrigger")];
    }
}

fn script(node: &Node) -> Markup {
    let text = |key: &str| node.text(key).filter(|value| !value.is_empty());
    html! {
        @if let Some(source) = text("src").and_then(web) {
            script src=(source) id=[text("id")] async[node.flag("async")] crossorigin=[text("crossorigin")]
                integrity=[text("integrity")] referrerpolicy=[text("referrerpolicy")] {}
        }
    }
}

/// A division with its data attributes, whose names are known only at run time.
fn division(node: &Node) -> Markup {
    let mut data = String::new();
    for (name, value) in node.attributes.get("data").and_then(Value::as_object).into_iter().flatten() {
        let is_name =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        // Names that our own script uses are not for the API to set.
        if let (true, false, Some(value)) =
            (is_name, ["onclick", "onload", "reveal", "timed-out"].contains(&name.as_str()), value.as_str())
        {
            let _ = write!(data, " data-{name}=\"");
            let _ = write!(maud::Escaper::new(&mut data), "{value}");
            data.push('"');
        }
    }
    let attribute = |name: &str| match node.text(name) {
        Some(value) => html! { (value) }.into_string(),
        None => String::new(),
    };
    let (id, class) = (attribute("id"), attribute("class"));
    PreEscaped(format!("<div id=\"{id}\" class=\"{class}\"{data}></div>"))
}
