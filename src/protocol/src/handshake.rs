//! The WebSocket opening handshake: key, accept value and the permessage-deflate offer.
//!
//! Headers other than these three are the HTTP server's business.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

/// Joined to every key before hashing (RFC 6455 §1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The window size of our compressor, which flate2's Rust backend cannot reduce.
const WINDOW_BITS: u8 = 15;

/// The `Sec-WebSocket-Accept` value that answers `key` (RFC 6455 §4.2.2).
pub fn accept_key(key: &str) -> String {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    STANDARD.encode(digest)
}

/// Whether `key` can be a `Sec-WebSocket-Key`: sixteen bytes in base64 (RFC 6455 §4.1).
pub fn is_valid_key(key: &str) -> bool {
    key.strip_suffix("==").is_some_and(|digits| {
        digits.len() == 22
            && digits.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
    })
}

/// Answers a `Sec-WebSocket-Extensions` header: the response value for the first permessage-deflate offer we can keep (RFC 7692 §5.1, §7.1), or `None` to go on without compression.
///
/// Both sides are told to forget the window after each message: a socket then holds no compressor between messages, and one compressed frame serves every subscriber.
pub fn negotiate_deflate(offers: &str) -> Option<String> {
    split_outside_quotes(offers, b',').find_map(accept)
}

/// Accepts one offer, or declines it by `None` (RFC 7692 §7.1: unknown, repeated or ill-valued parameters).
fn accept(offer: &str) -> Option<String> {
    let mut parts = split_outside_quotes(offer, b';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("permessage-deflate") {
        return None;
    }
    let mut seen = [false; 4];
    let mut window = "";
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(unquote(value.trim_start())?)),
            None => (part, None),
        };
        let index = match name.to_ascii_lowercase().as_str() {
            "server_no_context_takeover" if value.is_none() => 0,
            "client_no_context_takeover" if value.is_none() => 1,
            // A limit below our window cannot be kept; at 15 it must be repeated to be accepted.
            "server_max_window_bits" if window_bits(value?)? == WINDOW_BITS => {
                window = "; server_max_window_bits=15";
                2
            }
            // A hint about the client's own window, which may stay unanswered.
            "client_max_window_bits" if value.is_none_or(|v| window_bits(v).is_some()) => 3,
            _ => return None,
        };
        if std::mem::replace(&mut seen[index], true) {
            return None;
        }
    }
    Some(format!(
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover{window}"
    ))
}

/// A decimal from 8 to 15 without leading zeros (RFC 7692 §7.1.2).
fn window_bits(value: &str) -> Option<u8> {
    let canonical = !value.starts_with('0') && value.bytes().all(|b| b.is_ascii_digit());
    let bits = value.parse().ok()?;
    (canonical && (8..=15).contains(&bits)).then_some(bits)
}

/// A parameter's value without its quotes; `None` when the quotes do not pair.
fn unquote(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').filter(|inner| !inner.contains('"')),
        None => (!value.contains('"')).then_some(value),
    }
}

/// Splits at `separator`, except inside a quoted string.
fn split_outside_quotes(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        !quoted && c == char::from(separator)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str =
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    #[test]
    fn the_rfc_example_key_is_accepted() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(is_valid_key("dGhlIHNhbXBsZSBub25jZQ=="));
    }

    #[test]
    fn keys_of_another_length_or_alphabet_are_refused() {
        for key in
            ["", "==", "dGhlIHNhbXBsZQ==", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25j*Q=="]
        {
            assert!(!is_valid_key(key), "{key}");
        }
    }

    #[test]
    fn what_browsers_offer_is_accepted() {
        let chrome = "permessage-deflate; client_max_window_bits";
        assert_eq!(negotiate_deflate(chrome).as_deref(), Some(PLAIN));
        assert_eq!(negotiate_deflate("permessage-deflate").as_deref(), Some(PLAIN));
        let strict = "Permessage-Deflate;server_no_context_takeover ; client_no_context_takeover";
        assert_eq!(negotiate_deflate(strict).as_deref(), Some(PLAIN));
    }

    #[test]
    fn a_full_server_window_is_repeated_in_the_answer() {
        let with_window = format!("{PLAIN}; server_max_window_bits=15");
        let plain = "permessage-deflate; server_max_window_bits=15";
        let quoted = "permessage-deflate; server_max_window_bits=\"15\"; client_max_window_bits=10";
        assert_eq!(negotiate_deflate(plain), Some(with_window.clone()));
        assert_eq!(negotiate_deflate(quoted), Some(with_window));
    }

    #[test]
    fn an_offer_we_cannot_keep_yields_to_the_next_one() {
        let offers = "permessage-deflate; server_max_window_bits=10, permessage-deflate";
        assert_eq!(negotiate_deflate(offers).as_deref(), Some(PLAIN));
        let foreign = "x-webkit-deflate-frame; a=\"b, c; d\", permessage-deflate";
        assert_eq!(negotiate_deflate(foreign).as_deref(), Some(PLAIN));
    }

    #[test]
    fn unknown_repeated_or_ill_valued_parameters_decline() {
        for offer in [
            "",
            "permessage-deflate; mystery",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=015",
            "permessage-deflate; server_max_window_bits=+15",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=",
            "permessage-deflate; client_max_window_bits=\"9",
            "permessage-deflate;",
            "permessage-bzip2",
        ] {
            assert_eq!(negotiate_deflate(offer), None, "{offer}");
        }
    }
}
