//! The frame of every page: head, header, footer, and the request that it answers.

use crate::App;
use crate::language::{LANGUAGES, Language, accepted, by_tag};
use crate::message::{self, Message};
use latchkey_web::{Call, Reply};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The cookie that keeps a language that a user chose, until the browser is closed.
const CHOSEN: &str = "latchkey_lang";

/// A request for a page.
pub(crate) struct Visit<'a> {
    /// The function.
    pub(crate) app: &'a App,
    /// The request.
    pub(crate) call: &'a Call<'a>,
    /// The language of the answer.
    pub(crate) language: &'static Language,
}

/// A page without its content.
pub(crate) struct Page<'a> {
    /// Its title and heading.
    pub(crate) heading: &'a str,
    /// The status to answer with.
    pub(crate) status: u16,
    /// What happened, for the log.
    pub(crate) outcome: &'static str,
    /// The query of the same page in another language. Without one, links lead to the session page.
    pub(crate) again: Option<&'a [(&'a str, &'a str)]>,
}

impl<'a> Visit<'a> {
    /// A request, in the language of the `lang` parameter, of the cookie, or of `Accept-Language`.
    pub(crate) fn new(app: &'a App, call: &'a Call<'a>) -> Self {
        let asked = call.query("lang").and_then(by_tag).or_else(|| call.cookies(CHOSEN).find_map(by_tag));
        let language = asked.or_else(|| call.header("accept-language").and_then(accepted)).unwrap_or(&LANGUAGES[0]);
        Self { app, call, language }
    }

    /// The same in the language that an application chose when it began a flow, unless the user has chosen another.
    pub(crate) fn suggested(mut self, tag: Option<&str>) -> Self {
        let chosen =
            self.call.query("lang").into_iter().chain(self.call.cookies(CHOSEN)).any(|tag| by_tag(tag).is_some());
        if let (false, Some(language)) = (chosen, tag.and_then(by_tag)) {
            self.language = language;
        }
        self
    }

    /// A text of the pages.
    pub(crate) fn say(&self, key: &'static str) -> &'static str {
        self.language.say(key)
    }

    /// A message of the API; `field` is the label of its input.
    pub(crate) fn message(&self, message: &Message, field: Option<&str>) -> String {
        message::text(self.language, message, field, self.call.now)
    }

    /// The label of an identifier outside a form: the one that the API uses in the form.
    pub(crate) fn identifier_label(&self) -> String {
        let title = self.app.identifier_title.as_deref();
        let own = title.map(|title| message::title(self.language, title).unwrap_or_else(|| title.to_owned()));
        own.unwrap_or_else(|| self.language.find(message::IDENTIFIER).unwrap_or("ID").to_owned())
    }

    /// The relative URL of a file or page, so that the pages may be below any path.
    pub(crate) fn path(&self, to: &str) -> String {
        match self.call.path.matches('/').count() {
            0 | 1 => to.to_owned(),
            depth => format!("{}{to}", "../".repeat(depth - 1)),
        }
    }

    /// The response with a page.
    pub(crate) fn show(&self, page: &Page<'_>, main: &Markup) -> Reply {
        let html = self.frame(page, main).into_string();
        self.remembering(Reply::content(page.status, "text/html; charset=utf-8", html, page.outcome))
    }

    fn remembering(&self, reply: Reply) -> Reply {
        match self.call.query("lang").and_then(by_tag) {
            Some(language) => reply.cookie(self.own_cookie(CHOSEN, language.tag, "")),
            None => reply,
        }
    }

    /// A cookie of the pages themselves.
    pub(crate) fn own_cookie(&self, name: &str, value: &str, more: &str) -> String {
        let secure = if self.app.config().cookies.csrf.secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{more}{secure}")
    }

    fn frame(&self, page: &Page<'_>, main: &Markup) -> Markup {
        let (language, assets) = (self.language, &self.app.assets);
        let name = &self.app.config().pages.name;
        let file = |name: &str| self.path(&format!("assets/{name}"));
        html! {
            (DOCTYPE)
            html lang=(language.tag) dir=(language.direction) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="robots" content="noindex";
                    title { (page.heading) " · " (name) }
                    link rel="stylesheet" href=(file(&assets.style.name));
                    link rel="icon" href=(file(&assets.logo.as_ref().unwrap_or(&assets.icon).name));
                    script src=(file(&assets.script.name)) defer {}
                }
                body {
                    header.brand {
                        @match &assets.logo {
                            Some(logo) => img src=(file(&logo.name)) alt=(name);,
                            None => { (icon("key")) span { (name) } }
                        }
                    }
                    main.card {
                        h1 { (page.heading) }
                        (main)
                    }
                    (self.footer(page))
                }
            }
        }
    }

    fn footer(&self, page: &Page<'_>) -> Markup {
        let pages = &self.app.config().pages;
        let links = [("terms", &pages.terms_url), ("privacy", &pages.privacy_url)];
        html! {
            footer {
                nav aria-label=(self.say("languages")) {
                    ul {
                        @for language in &LANGUAGES {
                            li {
                                a href=(self.in_language(page, language)) lang=(language.tag) hreflang=(language.tag)
                                    aria-current=[(language.tag == self.language.tag).then_some("true")] { (language.name) }
                            }
                        }
                    }
                }
                @if links.iter().any(|(_, url)| url.is_some()) {
                    ul {
                        @for (key, url) in links {
                            @if let Some(url) = url { li { a href=(url) { (self.say(key)) } } }
                        }
                    }
                }
            }
        }
    }

    fn in_language(&self, page: &Page<'_>, language: &Language) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(page.again.unwrap_or_default()).append_pair("lang", language.tag);
        match page.again {
            Some(_) => format!("?{}", query.finish()),
            None => format!("{}?{}", self.path("session"), query.finish()),
        }
    }
}

/// The kind of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Information.
    Info,
    /// A success.
    Success,
    /// An error.
    Error,
}

impl Tone {
    /// The kind of a message.
    pub(crate) fn of(message: &Message) -> Self {
        match message.kind.as_str() {
            "error" => Self::Error,
            "success" => Self::Success,
            _ => Self::Info,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Success => "success",
            Self::Error => "error",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Info => "word.info",
            Self::Success => "word.success",
            Self::Error => "word.error",
        }
    }
}

/// A text with a symbol for its kind, and a word for screen readers.
pub(crate) fn toned(language: &Language, tone: Tone, text: &str) -> Markup {
    html! {
        (icon(tone.class()))
        span { span.unseen { (language.say(tone.word())) " " } (text) }
    }
}

/// Notes on top of a page. Errors are announced and have the focus.
pub(crate) fn notes(language: &Language, notes: &[(Tone, String)]) -> Markup {
    noted(language, notes, true)
}

/// The same on top of a form in which an input has the focus.
pub(crate) fn announced(language: &Language, notes: &[(Tone, String)]) -> Markup {
    noted(language, notes, false)
}

fn noted(language: &Language, notes: &[(Tone, String)], focused: bool) -> Markup {
    let (wrong, other): (Vec<_>, Vec<_>) = notes.iter().partition(|(tone, _)| *tone == Tone::Error);
    html! {
        @if !wrong.is_empty() {
            div.notes role="alert" tabindex=[focused.then_some("-1")] autofocus[focused] {
                @for (tone, text) in wrong { p class={ "note " (tone.class()) } { (toned(language, *tone, text)) } }
            }
        }
        @if !other.is_empty() {
            div.notes role="status" {
                @for (tone, text) in other { p class={ "note " (tone.class()) } { (toned(language, *tone, text)) } }
            }
        }
    }
}

/// A line drawing.
pub(crate) fn icon(name: &str) -> Markup {
    let path = match name {
        "key" => "M16 16.500l11-11M22 10.500l4.500 4.500M17.500 21a6.500 6.500 0 1 1-13 0a6.500 6.500 0 0 1 13 0",
        "error" => "M16 9v8M16 22v.5M29 16a13 13 0 1 1-26 0a13 13 0 0 1 26 0",
        "success" => "M10 16.500l4.500 4.500l8-9M29 16a13 13 0 1 1-26 0a13 13 0 0 1 26 0",
        "eye" => "M2.500 16q6-9 13.500-9t13.500 9q-6 9-13.500 9T2.500 16M20 16a4 4 0 1 1-8 0a4 4 0 0 1 8 0",
        _ => "M16 15v8M16 9.500v.5M29 16a13 13 0 1 1-26 0a13 13 0 0 1 26 0",
    };
    html! { svg viewBox="0 0 32 32" aria-hidden="true" focusable="false" { path d=(PreEscaped(path)) {} } }
}
