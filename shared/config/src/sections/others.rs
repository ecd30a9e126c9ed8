//! Keys at the top of a file, and sections of which Latchkey reads nothing.

use crate::key::DefaultValue::Unset;
use crate::key::{Key, Kind, Section, described, keys};
use crate::reader::Reader;
use crate::sections::methods::{ORGANIZATIONS, SOCIAL};

const OAUTH2: &str = "the OAuth 2.0 provider's login challenge";
const NO_USAGE: &str = "no usage is reported";

pub(crate) static TOP: Section = Section::new("", KEYS);
pub(crate) static CIPHERS: Section = Section::new("ciphers", CIPHERS_KEYS);
pub(crate) static OAUTH2_PROVIDER: Section = Section::not_built("oauth2_provider", OAUTH2_KEYS, OAUTH2);

keys! { KEYS:
    PRESET = Key::used("preset", Kind::OneOf(&["strict"]), Unset,
        "codes live 10 minutes at most, no answer tells which identities exist, sessions need all the factors of the identity; what a file says against it stops the start");
    REVISION = Key::used("revision", Kind::Text, described("a hash of the file"), "shown by `/admin/health/config`");
    _ = Key::not_built("organizations", Kind::List, ORGANIZATIONS);
    _ = Key::no_effect("version", Kind::Text, "every version is read alike");
    _ = Key::no_effect("dsn", Kind::SecretText, "remove it: all state is in DynamoDB");
    _ = Key::no_effect("dev", Kind::Bool, "`--dev` on the command line turns development mode on");
    _ = Key::no_effect("log", Kind::Map, "one line per request, without secrets");
    _ = Key::no_effect("tracing", Kind::Map, "the gateway and Lambda trace");
    _ = Key::no_effect("profiling", Kind::Text, "there is no profiler");
    _ = Key::no_effect("preview", Kind::Map, "reads that decide are consistent");
    _ = Key::no_effect("enterprise", Kind::Map, "there is one edition");
    _ = Key::no_effect("sqa", Kind::Map, NO_USAGE);
    _ = Key::no_effect("sqa_opt_out", Kind::Bool, NO_USAGE);
    _ = Key::no_effect("sqa-opt-out", Kind::Bool, NO_USAGE);
    _ = Key::no_effect("database", Kind::Map, "what has ended deletes itself");
    _ = Key::no_effect("config", Kind::Texts, "there is one file");
    _ = Key::no_effect("help", Kind::Bool, "a flag of the command line");
    _ = Key::no_effect("watch-courier", Kind::Bool, "messages are sent when they are written");
    _ = Key::no_effect("expose-metrics-port", Kind::Int(0, 65_535), "metrics are in CloudWatch");
}

keys! { CIPHERS_KEYS:
    _ = Key::not_built("algorithm", Kind::OneOf(&["noop", "aes", "xchacha20-poly1305"]), SOCIAL);
}

keys! { OAUTH2_KEYS:
    _ = Key::not_built("url", Kind::Url, OAUTH2);
    _ = Key::not_built("headers", Kind::Map, OAUTH2);
    _ = Key::not_built("override_return_to", Kind::Bool, OAUTH2);
}

/// The revision that the file names.
pub(crate) fn revision(from: Reader<'_>) -> Option<String> {
    from.section(&TOP).text(&REVISION)
}
