//! What messages say, by flow.
//!
//! A new kind of message needs a variant of [`Content`], a row of the table below it, and its templates.

use crate::identity::Via;
use serde::{Deserialize, Serialize};

/// What a message says, with the values that it carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Login: the code to sign in with.
    LoginCode(Code),
    /// Login: no account receives codes at this address.
    #[serde(rename = "no_account")]
    LoginUnknownAddress,
}

/// The facts about each kind of message. A row makes a variant of [`TemplateType`].
macro_rules! template_types {
    ($($(#[doc = $doc:literal])+ $name:ident {
        wire: $wire:literal,
        folder: $folder:literal,
        via: [$($via:ident),+],
        has_identity: $has_identity:literal,
        variables: [$($variable:expr),*],
    })+) => {
        /// The kind of a message. Clients of the admin API know it by its wire name, as in Kratos.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum TemplateType {
            $($(#[doc = $doc])+ #[serde(rename = $wire)] $name,)+
        }

        impl TemplateType {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The wire name (`template_type`).
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire,)+ }
            }

            /// The folder of its templates below `courier.template_override_path`. With a dot for the slash, it is the path of its
            /// keys below `courier.templates`.
            pub const fn folder(self) -> &'static str {
                match self { $(Self::$name => $folder,)+ }
            }

            /// The channels that it is sent by.
            pub const fn channels(self) -> &'static [Via] {
                match self { $(Self::$name => &[$(Via::$via),+],)+ }
            }

            /// Whether its recipient has an identity.
            pub const fn has_identity(self) -> bool {
                match self { $(Self::$name => $has_identity,)+ }
            }

            /// The variables that its templates have beside those of all messages, and their names in templates of Kratos.
            pub const fn variables(self) -> &'static [(&'static str, &'static str)] {
                match self { $(Self::$name => &[$($variable),*],)+ }
            }
        }
    };
}

template_types! {
    /// The code of a login.
    LoginCodeValid {
        wire: "login_code_valid",
        folder: "login_code/valid",
        via: [Email, Sms],
        has_identity: true,
        variables: [("login_code", "LoginCode")],
    }
    /// The answer to an address without an account that a code was requested for.
    LoginCodeInvalid {
        wire: "login_code_invalid",
        folder: "login_code/invalid",
        via: [Email],
        has_identity: false,
        variables: [],
    }
}

impl Content {
    /// The kind of the message.
    pub fn template(&self) -> TemplateType {
        match self {
            Self::LoginCode(_) => TemplateType::LoginCodeValid,
            Self::LoginUnknownAddress => TemplateType::LoginCodeInvalid,
        }
    }

    /// The values of [`TemplateType::variables`], by name.
    pub fn template_data(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::LoginCode(code) => vec![("login_code", code.as_str())],
            Self::LoginUnknownAddress => Vec::new(),
        }
    }

    /// The values of the placeholders of the built-in texts (`lang/*.tsv`), by name.
    pub fn text_values(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::LoginCode(code) => vec![("code", code.as_str())],
            Self::LoginUnknownAddress => Vec::new(),
        }
    }

    /// What only its recipient may read. It appears in no error and no log.
    pub fn secrets(&self) -> Vec<&str> {
        match self {
            Self::LoginCode(code) => vec![code.as_str()],
            Self::LoginUnknownAddress => Vec::new(),
        }
    }

    /// An example of a kind, to try templates with.
    pub fn example(template: TemplateType) -> Self {
        match template {
            TemplateType::LoginCodeValid => Self::LoginCode(Code("123456".to_owned())),
            TemplateType::LoginCodeInvalid => Self::LoginUnknownAddress,
        }
    }
}

/// A one-time code as a user types it. It is never empty: a message without a code has a [`Content`] without one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Code(String);

impl Code {
    /// `None` for an empty text.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        Some(text.into()).filter(|text| !text.is_empty()).map(Self)
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Code {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(text).ok_or("a code is not empty")
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.0
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_content_keeps_its_format() {
        let code = Content::LoginCode(Code::new("123456").unwrap());
        for (content, stored) in
            [(code, r#"{"login_code":"123456"}"#), (Content::LoginUnknownAddress, r#""no_account""#)]
        {
            assert_eq!(serde_json::to_string(&content).unwrap(), stored);
            assert_eq!(serde_json::from_str::<Content>(stored).unwrap(), content);
        }
        assert!(serde_json::from_str::<Content>(r#"{"login_code":""}"#).is_err());
        assert_eq!(Code::new(""), None);
        for template in TemplateType::ALL {
            assert_eq!(serde_json::to_value(template).unwrap(), template.as_str());
        }
    }

    #[test]
    fn examples_carry_the_variables_of_their_kind() {
        for template in TemplateType::ALL {
            let example = Content::example(*template);
            assert_eq!(example.template(), *template);
            let names = |list: &[(&'static str, &str)]| list.iter().map(|(name, _)| *name).collect::<Vec<_>>();
            assert_eq!(names(&example.template_data()), names(template.variables()), "{template:?}");
        }
    }
}
