//! Why a command ended without doing what it was asked to.

use std::io;
use std::process::ExitCode;

use crate::config::Problem;
use crate::error::Error;

/// What stopped a command, in one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("port {port} cannot be bound: {cause}")]
    Port { port: u16, cause: io::Error },
    /// What a key names cannot be used.
    #[error("the configuration is wrong")]
    Configuration(Vec<Problem>),
    #[error("{0}")]
    Refused(&'static str),
    #[error(transparent)]
    Runtime(#[from] Error),
}

/// 2 where the operator has to change the configuration, 1 where the world has to change.
impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Port { .. } | Failure::Configuration(_) | Failure::Refused(_) => 2.into(),
            Failure::Runtime(_) => 1.into(),
        }
    }
}
