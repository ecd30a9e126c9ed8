//! One way to a client of any service of AWS: credentials from the environment, the shared connections, bounded times.

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
                    None => $crate::db::region(env)?,
                })
                .credentials_provider($crate::db::credentials(env)?)
                .retry_config($sdk::config::retry::RetryConfig::standard().with_max_attempts(tries))
                .timeout_config(timeouts.build())
                .stalled_stream_protection($sdk::config::StalledStreamProtectionConfig::disabled())
                .http_client($crate::https::client(endpoint));
            if let Some(url) = endpoint {
                config = config.endpoint_url(url);
            }
            Ok($sdk::Client::from_conf(config.build()))
        }
        client($env, $region, $tries, $each, $all)
    }};
}
