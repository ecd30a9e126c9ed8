//! The commands that speak to a stack: its people and sessions, a way in for admin SDKs, a test of a deployment.
//!
//! They are clients of the public and the admin API and know nothing that another client could not. What a machine reads goes to
//! standard output, everything said to a person goes to standard error. No command takes a password as an argument, since
//! arguments are seen by everybody on a machine and kept in shell histories.
//!
//! | module | holds |
//! |---|---|
//! | [`aws`] | the caller's credentials, and signatures that API Gateway checks |
//! | [`api`] | requests to an API, its answers, and what its errors mean to a person |
//! | [`user`], [`import`], [`session`] | people, many people, and their sessions |
//! | [`courier`] | the suppression list of e-mail |
//! | [`proxy`] | a deployed admin API on a local port |
//! | [`smoke`], [`jar`] | signing in and out of a stack, in three ways; the cookies of that |
//! | [`template`] | what messages look like |
//! | [`table`], `words` | what a person reads |

pub mod api;
pub mod aws;
pub mod courier;
pub mod import;
pub mod jar;
pub mod proxy;
pub mod session;
pub mod smoke;
pub mod table;
pub mod template;
pub mod user;

mod words;

use std::fmt;
use std::io::Write as _;

/// What every command's help ends with.
pub const EXIT_CODES: &str = "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 the stack could not be reached";

/// Why a command did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// What to tell; nothing when it was told already.
    pub text: String,
}

impl Failure {
    /// The stack said no, or something did not work.
    pub fn refused(text: impl Into<String>) -> Self {
        Self { code: 1, text: text.into() }
    }

    /// The command line asks for what cannot be.
    pub fn usage(text: impl Into<String>) -> Self {
        Self { code: 2, text: text.into() }
    }

    /// Nobody answered, or there is nothing to sign with.
    pub fn unreachable(text: impl Into<String>) -> Self {
        Self { code: 3, text: text.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::refused(text)
    }
}

/// Writes a line for a machine or a person to read.
///
/// # Errors
/// When nobody reads any more, as behind `| head`; that is worth no words.
pub fn print(line: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout().lock(), "{line}").map_err(|_| Failure::refused(""))
}

/// Until Ctrl-C, or until a supervisor asks. What comes from the call on counts, not from the first wait on.
pub fn interrupted() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(|kind| signal(kind).ok());
    async move {
        let [interrupt, terminate] = signals.map(|signal| async {
            match signal {
                Some(mut signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        });
        tokio::select! {
            () = interrupt => {}
            () = terminate => {}
        }
    }
}
