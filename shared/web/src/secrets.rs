//! Secrets of the deployment, in the functions that need them.
//!
//! On AWS they come from one Secrets Manager document that the template names in `LATCHKEY_SECRETS_ARN`. The request for it is
//! made while the function starts and awaited by the first caller; one that failed is made again by the next. Elsewhere they
//! come from the configuration file.

use crate::{Environment, StartError};
use aws_sdk_secretsmanager::config::BehaviorVersion;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use aws_sdk_secretsmanager::{Client, Config};
use latchkey_config::{Secrets, merge_secrets};
use latchkey_store::{db, https};
use secrecy::SecretString;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The deployment's secrets, there at first use.
#[derive(Clone)]
pub struct Vault {
    source: Option<(Config, String)>,
    dev: bool,
    cell: Arc<OnceCell<Secrets>>,
}

impl Vault {
    /// Begins to fetch the secrets, or takes those of the configuration file, `own`.
    ///
    /// # Errors
    /// When a secret is missing, too short, or one that everybody knows.
    pub fn open(env: &Environment, own: Secrets, dev: bool) -> Result<Self, StartError> {
        let Some(arn) = env.get("LATCHKEY_SECRETS_ARN") else {
            own.require(dev).map_err(|e| StartError(e.to_string()))?;
            return Ok(Self { source: None, dev, cell: Arc::new(OnceCell::new_with(Some(own))) });
        };
        let vault = Self { source: Some((config(env)?, arn.to_owned())), dev, cell: Arc::default() };
        let early = vault.clone();
        tokio::spawn(async move {
            https::after_the_first_poll().await;
            let _ = early.get().await;
        });
        Ok(vault)
    }

    /// The secrets.
    ///
    /// # Errors
    /// When they cannot be fetched or used.
    pub async fn get(&self) -> Result<&Secrets, StartError> {
        self.cell.get_or_try_init(|| self.fetch()).await
    }

    async fn fetch(&self) -> Result<Secrets, StartError> {
        let Some((config, arn)) = &self.source else {
            return Err(StartError("there is no source of secrets".into()));
        };
        let secrets = merge_secrets(&read(config, arn).await?).map_err(|e| StartError(e.to_string()))?;
        secrets.require(self.dev).map_err(|e| StartError(e.to_string()))?;
        Ok(secrets)
    }
}

/// A secret that is one text, there at first use: the Secrets Manager document named by a variable with `_ARN` at its end, or else
/// the value of the variable itself.
#[derive(Clone)]
pub struct SecretText {
    source: Option<(Config, String)>,
    cell: Arc<OnceCell<SecretString>>,
}

impl SecretText {
    /// Begins to fetch the secret, or takes it from the environment.
    ///
    /// # Errors
    /// When neither variable is there.
    pub fn open(env: &Environment, name: &str) -> Result<Self, StartError> {
        let Some(arn) = env.get(&format!("{name}_ARN")) else {
            let text = env.require(name, "a random text that nobody else knows")?;
            return Ok(Self { source: None, cell: Arc::new(OnceCell::new_with(Some(text.into()))) });
        };
        let secret = Self { source: Some((config(env)?, arn.to_owned())), cell: Arc::default() };
        let early = secret.clone();
        tokio::spawn(async move {
            https::after_the_first_poll().await;
            let _ = early.get().await;
        });
        Ok(secret)
    }

    /// The secret.
    ///
    /// # Errors
    /// When it cannot be fetched.
    pub async fn get(&self) -> Result<&SecretString, StartError> {
        let fetch = async || match &self.source {
            Some((config, arn)) => read(config, arn).await.map(SecretString::from),
            None => Err(StartError("there is no source of secrets".into())),
        };
        self.cell.get_or_try_init(fetch).await
    }
}

async fn read(config: &Config, arn: &str) -> Result<String, StartError> {
    let client = Client::from_conf(config.clone());
    let answer = client.get_secret_value().secret_id(arn).send().await;
    let answer = answer.map_err(|e| StartError(format!("Secrets Manager: {}", DisplayErrorContext(e))))?;
    let text = answer.secret_string().ok_or_else(|| StartError("Secrets Manager: the secret is not text".into()))?;
    Ok(text.to_owned())
}

fn config(env: &Environment) -> Result<Config, StartError> {
    let endpoint = env.get("AWS_ENDPOINT_URL_SECRETS_MANAGER").or_else(|| env.get("AWS_ENDPOINT_URL"));
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(db::region(env)?)
        .credentials_provider(db::credentials(env)?)
        .http_client(https::client(endpoint));
    if let Some(url) = endpoint {
        config = config.endpoint_url(url);
    }
    Ok(config.build())
}
