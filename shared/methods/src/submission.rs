//! Which method a submission is for (contract `login-flow.md` 5.2): each method is asked in turn whether it is its own.

use crate::form::Forms;
use crate::{code, identifier_first};
use latchkey_core::aal::Aal;
use latchkey_core::flow::{FlowState, FlowType, LoginFlow};

/// Who takes a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The password method.
    Password,
    /// The code method.
    Code,
    /// The first step of the identifier-first form, which takes what nobody else does.
    IdentifierFirst,
    /// A method that knows its name and is turned off.
    Disabled,
    /// Nobody.
    Nobody,
}

/// Decides by the payload's `method` and the level the flow asks for. A first-factor method leaves flows that ask for a second
/// factor alone. `has_address` is whether the payload names one of the addresses that the form offered.
pub fn claim(forms: &Forms, flow: &LoginFlow, method: Option<&str>, has_address: bool) -> Claim {
    if flow.requested_aal != Aal::Aal1 {
        return Claim::Nobody;
    }
    match method {
        Some("password") if forms.password => Claim::Password,
        // Whoever was proven by a code asks for another flow.
        Some("code") if flow.state == FlowState::PassedChallenge => Claim::Nobody,
        Some("code") if code::serves(forms, flow) => Claim::Code,
        _ if has_address && flow.state != FlowState::PassedChallenge && code::picks_address(forms, flow) => Claim::Code,
        Some("password" | "passkey") => Claim::Disabled,
        // Security keys need a browser; in other flows the method does not recognise itself.
        Some("webauthn") if flow.kind == FlowType::Browser => Claim::Disabled,
        _ if identifier_first::serves(forms, flow) => Claim::IdentifierFirst,
        _ => Claim::Nobody,
    }
}
