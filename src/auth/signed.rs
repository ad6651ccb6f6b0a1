//! Reading a signed text, whoever signed it: what has to hold besides the claims themselves.

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, TokenData, Validation};
use serde::de::DeserializeOwned;

use crate::error::Unauthenticated;

/// Seconds by which two clocks may differ (contract §3.2).
const LEEWAY: u64 = 30;

/// What every token has to fulfil: this one algorithm, a time it expires, no time it begins that
/// lies ahead, and no audience but those that are added.
pub(super) fn rules(algorithm: Algorithm) -> Validation {
    let mut rules = Validation::new(algorithm);
    rules.leeway = LEEWAY;
    rules.validate_nbf = true;
    rules
}

/// The claims of a token that the key signed and the rules accept.
pub(super) fn claims<T: DeserializeOwned>(
    token: &str,
    key: &DecodingKey,
    rules: &Validation,
) -> Result<T, Unauthenticated> {
    let TokenData { header, claims } =
        jsonwebtoken::decode(token, key, rules).map_err(|error| refusal(&error))?;
    match header.crit {
        None => Ok(claims),
        // An extension the signer insists on and nobody here knows (RFC 7515 §4.1.11).
        Some(_) => Err(Unauthenticated::Malformed),
    }
}

fn refusal(error: &Error) -> Unauthenticated {
    match error.kind() {
        ErrorKind::ExpiredSignature => Unauthenticated::Expired,
        ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => Unauthenticated::Signature,
        _ => Unauthenticated::Malformed,
    }
}
