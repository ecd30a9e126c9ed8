//! The identifier first, then the methods that are left (contract `methods-password-code-2fa.md` 4). It proves nothing.

pub mod login;
