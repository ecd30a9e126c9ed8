//! `selfservice.flows`: the flows, their pages, and where they lead.

use crate::findings::Findings;
use crate::key::DefaultValue::{Bool as Switch, Text as Word};
use crate::key::{Key, Kind, METHODS_BESIDE_LOGIN, Section, described, keys};
use crate::reader::Reader;
use crate::shapes::flow::{self, FlowConfig};

/// The flows that are not built.
pub(crate) const NOT_BUILT: &str = "registration, verification, recovery and settings";

pub(crate) static LOGIN: Section = Section::new("selfservice.flows.login", flow::KEYS);
pub(crate) static OTHER_FLOWS: Section =
    Section::not_built("selfservice.flows.{flow}", flow::KEYS, NOT_BUILT).with_methods(METHODS_BESIDE_LOGIN);

pub(crate) static LOGIN_OPTIONS: Section = Section::new("selfservice.flows.login", LOGIN_KEYS);
pub(crate) static ERROR: Section = Section::new("selfservice.flows.error", ERROR_KEYS);
pub(crate) static LOGOUT: Section = Section::new("selfservice.flows.logout", LOGOUT_KEYS);
pub(crate) static REGISTRATION: Section =
    Section::not_built("selfservice.flows.registration", REGISTRATION_KEYS, NOT_BUILT);
pub(crate) static ADDRESS_FLOWS: Section = Section::not_built("selfservice.flows.{address}", ADDRESS_KEYS, NOT_BUILT);
pub(crate) static SETTINGS: Section = Section::not_built("selfservice.flows.settings", SETTINGS_KEYS, NOT_BUILT);

keys! { LOGIN_KEYS:
    STYLE = Key::used("style", Kind::OneOf(&["unified", "identifier_first"]), Word("unified"),
        "everything on one screen, or the identifier first");
    NOTIFY_UNKNOWN_RECIPIENTS = Key::used("notify_unknown_recipients", Kind::Bool, Switch(false),
        "where answers hide which identities exist, send an e-mail to an address without an identity for which a code was requested, and say so there; a key of Latchkey's own, as Kratos has it for other flows");
}

keys! { ERROR_KEYS:
    ERROR_UI_URL = Key::used("ui_url", Kind::UrlOrPath, described("`error` of the login pages"),
        "the page that shows errors; gets `?id=`");
}

keys! { LOGOUT_KEYS:
    LOGOUT_RETURN_URL = Key::used("after.default_browser_return_url", Kind::AnyUrl,
        described("`selfservice.default_browser_return_url`"), "where a browser goes after logout");
    CLEAR_BROWSER_DATA = Key::used("clear_browser_data", Kind::Bool, Switch(false),
        "tell browsers to forget what they stored for the site");
}

keys! { REGISTRATION_KEYS:
    _ = Key::not_built("enabled", Kind::Bool, NOT_BUILT);
    _ = Key::not_built("style", Kind::OneOf(&["profile_first", "unified"]), NOT_BUILT);
    _ = Key::not_built("enable_legacy_one_step", Kind::Bool, NOT_BUILT);
    _ = Key::not_built("login_hints", Kind::Bool, NOT_BUILT);
}

keys! { ADDRESS_KEYS:
    _ = Key::not_built("enabled", Kind::Bool, NOT_BUILT);
    _ = Key::not_built("use", Kind::OneOf(&["code", "link"]), NOT_BUILT);
    _ = Key::not_built("notify_unknown_recipients", Kind::Bool, NOT_BUILT);
}

keys! { SETTINGS_KEYS:
    _ = Key::not_built("privileged_session_max_age", Kind::Duration, NOT_BUILT);
    _ = Key::not_built("required_aal", Kind::OneOf(&["aal1", "highest_available"]), NOT_BUILT);
}

/// The flows.
#[derive(Clone, Debug)]
pub struct Flows {
    /// What login has like every flow.
    pub login: FlowConfig,
    /// What only login has.
    pub login_options: LoginOptions,
    /// The page that shows errors; gets `?id=`.
    pub error_ui_url: String,
    /// Logout.
    pub logout: Logout,
}

/// What only login has.
#[derive(Clone, Copy, Debug)]
pub struct LoginOptions {
    /// The layout of the form.
    pub style: LoginStyle,
    /// Whether an e-mail tells its reader that no identity has the address to which a code was to be sent. Only where answers do
    /// not tell.
    pub notify_unknown_recipients: bool,
}

/// The layout of the login form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginStyle {
    /// Everything on one screen.
    Unified,
    /// The identifier first, then the methods of its identity.
    IdentifierFirst,
}

/// Logout.
#[derive(Clone, Debug)]
pub struct Logout {
    /// Where a browser goes afterwards.
    pub return_url: Option<String>,
    /// Whether the browser is told to forget what it stored for the site.
    pub clear_browser_data: bool,
}

/// Reads the flows; `pages` is the address of the login pages.
pub(crate) fn flows(from: Reader<'_>, pages: &str, mitigate_enumeration: bool, findings: &mut Findings) -> Flows {
    let page = |name: &str| format!("{pages}{name}");
    let options = from.section(&LOGIN_OPTIONS);
    let notify_unknown_recipients = options.flag(&NOTIFY_UNKNOWN_RECIPIENTS);
    if notify_unknown_recipients && !mitigate_enumeration {
        findings.warn(
            "selfservice.flows.login.notify_unknown_recipients has no effect: without security.account_enumeration.mitigate the answer \
             says it",
        );
    }
    let logout = from.section(&LOGOUT);
    Flows {
        login: flow::flow(from, &LOGIN, page("login")),
        login_options: LoginOptions {
            style: match options.text(&STYLE).as_deref() {
                Some("identifier_first") => LoginStyle::IdentifierFirst,
                _ => LoginStyle::Unified,
            },
            notify_unknown_recipients: notify_unknown_recipients && mitigate_enumeration,
        },
        error_ui_url: from.section(&ERROR).text(&ERROR_UI_URL).unwrap_or_else(|| page("error")),
        logout: Logout {
            return_url: logout.text(&LOGOUT_RETURN_URL),
            clear_browser_data: logout.flag(&CLEAR_BROWSER_DATA),
        },
    }
}
