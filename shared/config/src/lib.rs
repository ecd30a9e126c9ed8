//! A Kratos configuration file, as it is.
//!
//! [`read`] takes the text of a file (YAML or JSON) and the environment, lays Kratos' environment overrides over it, compares every
//! value with its key ([`keys`]), and gives the values that Latchkey uses ([`Config`]).
//!
//! A key is declared once, in the file of its section below `sections/`, or below `shapes/` when several sections share it: with its
//! kind, its default, and what Latchkey does with it. Reading and `docs/configuration.md` take all of it from there. `table.rs` lists
//! the sections.
//!
//! A wrong value is an error. So is a key without which a client could sign in that must not. All errors are reported at once. A key
//! without effect is a warning.

mod check;
mod config;
mod content;
mod deploy;
mod digest;
mod document;
mod environment;
mod errors;
mod findings;
mod follow;
mod key;
mod legacy;
mod load;
mod lookup;
mod notices;
mod preset;
mod reader;
mod remote;
mod sections;
mod shapes;
mod table;
mod tree;
mod value;

pub use config::{Config, SelfService};
pub use deploy::{check_deployment, frozen, inspect_deployment, to_compact};
pub use errors::ConfigErrors;
pub use follow::named_files;
pub use load::{Inspected, Loaded, inspect, read, text_of};
pub use notices::Notices;
pub use remote::{remote_templates, with_contents};
pub use sections::cookies::{CookieAttributes, Cookies, HOST_PREFIX, SameSite};
pub use sections::courier::Courier;
pub use sections::courier::secrets::CourierSecrets;
pub use sections::courier::templates::{Templates, Wording};
pub use sections::features::Features;
pub use sections::flows::{Flows, LoginOptions, LoginStyle, Logout};
pub use sections::hashers::Hasher;
pub use sections::identity::{IdentityConfig, SchemaRef};
pub use sections::methods::{CodeMethod, LeakCheck, Methods};
pub use sections::pages::{Logo, OtherFlows, Pages};
pub use sections::rate_limits::RateLimits;
pub use sections::secrets::{Secrets, merge_secrets};
pub use sections::serve::{ClientAddress, Cors, Listener};
pub use sections::session::{RequiredAal, SessionPolicy};
pub use shapes::flow::FlowConfig;
pub use shapes::method::MethodConfig;
pub use shapes::request::{HttpAuth, HttpRequest, RequestSecrets};
pub use shapes::template::TemplateText;
pub use value::color::Color;

/// Every key that is known, what it may hold, and what Latchkey does with it.
pub mod keys {
    pub use crate::key::{DefaultValue, Key, Kind, Place, Role, Section};
    pub use crate::table::{SECTIONS, places};
}
