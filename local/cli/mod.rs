//! The commands that call a stack: identities and sessions, a port for admin SDKs, a test of a deployment.
//!
//! They are clients of the public and the admin API, with no other access than any client has. Output for machines goes to standard
//! output, everything else to standard error. No command takes a password as an argument, because other users of a machine can see
//! arguments and shells keep them in their history.
//!
//! | module | holds |
//! |---|---|
//! | [`aws`] | the AWS credentials of the environment, and signatures that API Gateway checks |
//! | [`api`] | requests to an API, its answers, and its errors in words |
//! | [`user`], [`import`], [`session`] | identities, imports of many, and sessions |
//! | [`courier`] | the suppression list of e-mail |
//! | [`proxy`] | a deployed admin API on a local port |
//! | [`smoke`], [`jar`] | signing in and out of a stack as three kinds of client; their cookies |
//! | [`template`] | previews of messages |
//! | [`table`], `words` | output for a terminal |

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

/// The end of every command's help.
pub const EXIT_CODES: &str = "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 the stack could not be reached";

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// The text for the user; empty when it was printed already.
    pub text: String,
}

impl Failure {
    /// The stack refused, or something failed.
    pub fn refused(text: impl Into<String>) -> Self {
        Self { code: 1, text: text.into() }
    }

    /// The command line is wrong.
    pub fn usage(text: impl Into<String>) -> Self {
        Self { code: 2, text: text.into() }
    }

    /// The stack did not answer, or there are no credentials to sign with.
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

/// Writes a line to standard output.
///
/// # Errors
/// When standard output is closed, as behind `| head`; the failure has no text.
pub fn print(line: &str) -> Result<(), Failure> {
    writeln!(std::io::stdout().lock(), "{line}").map_err(|_| Failure::refused(""))
}

/// Completes on Ctrl-C or on a supervisor's signal. Signals count from the call on, not from the first poll.
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
