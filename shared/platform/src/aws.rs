//! One way to a client of any service of AWS: credentials from the environment, the shared connections, bounded times.

mod connector;
pub mod https;

use crate::{Environment, StartError};
use aws_sdk_secretsmanager::config::{Credentials, Region};

/// The client of a service, whose crate is named first: with the environment, the variable of the service's endpoint, its region
/// (the function's, where `None`), how often a call is tried, and how long each try and all of them may take.
///
/// Gives a `Result` with a [`StartError`](crate::StartError) that names the variable that is missing. It is a macro because each
/// service's crate has types of its own for the same things.
#[macro_export]
macro_rules! aws_client {
    ($sdk:ident, $env:expr, $variable:literal, $region:expr, tries: $tries:expr, each: $each:expr, all: $all:expr) => {{
        fn client(
            env: &$crate::Environment,
            region: ::std::option::Option<&str>,
            tries: u32,
            each: ::std::time::Duration,
            all: ::std::time::Duration,
        ) -> ::std::result::Result<$sdk::Client, $crate::StartError> {
            let endpoint = env.get($variable).or_else(|| env.get("AWS_ENDPOINT_URL"));
            let timeouts = $sdk::config::timeout::TimeoutConfig::builder()
                .connect_timeout(::std::time::Duration::from_secs(2))
                .operation_attempt_timeout(each)
                .operation_timeout(all);
            let mut config = $sdk::Config::builder()
                .behavior_version($sdk::config::BehaviorVersion::latest())
                .region(match region {
                    Some(region) => $sdk::config::Region::new(region.to_owned()),
                    None => $crate::aws::region(env)?,
                })
                .credentials_provider($crate::aws::credentials(env)?)
                .retry_config($sdk::config::retry::RetryConfig::standard().with_max_attempts(tries))
                .timeout_config(timeouts.build())
                .stalled_stream_protection($sdk::config::StalledStreamProtectionConfig::disabled())
                .http_client($crate::aws::https::client(endpoint));
            if let Some(url) = endpoint {
                config = config.endpoint_url(url);
            }
            Ok($sdk::Client::from_conf(config.build()))
        }
        client($env, $region, $tries, $each, $all)
    }};
}

/// The region that a function runs in.
///
/// # Errors
/// Names the variable that is missing.
pub fn region(env: &Environment) -> Result<Region, StartError> {
    Ok(Region::new(env.require("AWS_REGION", "the AWS region, such as eu-central-1")?.to_owned()))
}

/// What a function's role signs requests with, for the client of any service.
///
/// # Errors
/// Names the variable that is missing.
pub fn credentials(env: &Environment) -> Result<Credentials, StartError> {
    Ok(Credentials::new(
        env.require("AWS_ACCESS_KEY_ID", "the access key of the function's role")?,
        env.require("AWS_SECRET_ACCESS_KEY", "the secret key of the function's role")?,
        env.get("AWS_SESSION_TOKEN").map(str::to_owned),
        None,
        "environment",
    ))
}
