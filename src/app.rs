//! Puts the parts together: the one place that turns a [`Config`] into a running hub.

use std::process::ExitCode;

use crate::config::Config;
use crate::domain::secret::Secret;
use crate::error::Error;
use crate::persistence::{Settings, Store};

/// Why a command ended without doing what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The operator has to change something first; exit code 2.
    #[error("{0}")]
    Configuration(String),
    /// Exit code 1.
    #[error(transparent)]
    Runtime(#[from] Error),
}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Configuration(_) => 2.into(),
            Failure::Runtime(_) => 1.into(),
        }
    }
}

/// Runs the hub until it is told to stop.
pub async fn serve(config: Config, _demo: bool) -> Result<(), Failure> {
    open(&config).await?;
    Err(Error::internal("nothing to serve yet").into())
}

/// Brings the tables to this version of the program.
pub async fn migrate(config: Config) -> Result<(), Failure> {
    let store = open(&config).await?;
    store.migrate().await?;
    store.close().await;
    Ok(())
}

/// Creates an account that operates everything.
pub async fn create_admin(config: Config, _email: &str, _password: Secret) -> Result<(), Failure> {
    open(&config).await?;
    Err(Error::internal("accounts cannot be created yet").into())
}

async fn open(config: &Config) -> Result<Store, Failure> {
    let settings = Settings {
        url: config.database.url.expose().to_owned(),
        pool_min: config.database.pool_min,
        pool_max: config.database.pool_max,
    };
    Ok(Store::open(&settings).await?)
}
