//! What every function needs: the environment it was started with, time and randomness, AWS, secrets, and the log.
//!
//! | module | holds |
//! |---|---|
//! | [`environment`] | environment variables, and the error of a start |
//! | [`clock`] | the time, as a value that is handed in |
//! | [`rng`] | randomness, as a value that is handed in |
//! | [`aws`] | clients of AWS' services, and the HTTPS that they share |
//! | [`https`] | calls to AWS that no SDK makes |
//! | [`secret`] | secrets of the deployment, read again when they change |
//! | [`log`] | lines in CloudWatch's embedded metric format, and notes for the line of a request |
//! | [`meter`] | counts what a request costs |
//!
//! This crate alone reads the system's clock and its randomness. `clippy.toml` forbids both elsewhere.

pub mod aws;
pub mod clock;
pub mod environment;
pub mod https;
pub mod log;
pub mod meter;
pub mod rng;
pub mod secret;

pub use clock::{Clock, ManualClock};
pub use environment::{Environment, StartError};
pub use rng::Rng;

/// What a function is started with.
#[derive(Clone, Debug)]
pub struct Platform {
    /// The environment variables.
    pub env: Environment,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub rng: Rng,
}

impl Platform {
    /// The process' own environment, the system's clock and its randomness.
    pub fn system() -> Self {
        Self::with(Environment::from_process())
    }

    /// This environment, the system's clock and its randomness.
    pub fn with(env: Environment) -> Self {
        Self { env, clock: Clock::system(), rng: Rng::system() }
    }
}
