//! W3C trace context: the identifiers that tie one request together across services.
//!
//! A `traceparent` that comes in is continued, another is begun; what goes out to LiveKit,
//! providers, webhooks and other nodes carries a child of it. See [`super::tracer`] for the work
//! these identifiers stand for.

use std::fmt;
use std::str::FromStr;

/// Where in a trace some work happens. Its text is the header `traceparent`, version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    pub trace: TraceId,
    pub span: SpanId,
    /// The step above; known when that step was seen here.
    pub parent: Option<SpanId>,
    /// Whether somebody up the line decided to record this trace.
    pub is_sampled: bool,
}

/// A whole trace. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(pub(super) u128);

/// One step of a trace. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(pub(super) u64);

/// The text is not a `traceparent` header. The caller begins a new trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent header")]
pub struct NotATraceParent;

impl TraceContext {
    /// Begins a trace, recording `ratio` of them (0 none, 1 all).
    pub fn begin(ratio: f64) -> Self {
        let is_sampled = rand::random::<f64>() < ratio;
        let trace = TraceId(rand::random::<u128>().max(1));
        Self { trace, span: SpanId::random(), parent: None, is_sampled }
    }

    /// A step of the same trace, below this one.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span: SpanId::random(), parent: Some(self.span), ..self }
    }
}

impl SpanId {
    fn random() -> Self {
        Self(rand::random::<u64>().max(1))
    }
}

impl FromStr for TraceContext {
    type Err = NotATraceParent;

    /// Reads version 00, and later versions as far as version 00 knows them.
    fn from_str(text: &str) -> Result<Self, NotATraceParent> {
        let mut parts = text.split('-');
        let mut next =
            |length| parts.next().and_then(|part| hex(part, length)).ok_or(NotATraceParent);
        let version = next(2)?;
        let trace = next(32)?;
        let span = u64::try_from(next(16)?).map_err(|_| NotATraceParent)?;
        let flags = next(2)?;
        let has_more = parts.next().is_some();
        if version == 0xff || (version == 0 && has_more) || trace == 0 || span == 0 {
            return Err(NotATraceParent);
        }
        let is_sampled = flags & 1 == 1;
        Ok(Self { trace: TraceId(trace), span: SpanId(span), parent: None, is_sampled })
    }
}

/// Exactly `length` lower-case hexadecimal digits.
fn hex(text: &str, length: usize) -> Option<u128> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    (text.len() == length && is_hex).then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.is_sampled))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_header_is_read_and_written_alike() {
        let context: TraceContext = HEADER.parse().unwrap();

        assert!(context.is_sampled);
        assert_eq!(context.to_string(), HEADER);
    }

    #[test]
    fn a_child_stays_in_the_trace() {
        let parent: TraceContext = HEADER.parse().unwrap();

        let child = parent.child();

        assert_eq!((child.trace, child.is_sampled), (parent.trace, parent.is_sampled));
        assert_ne!(child.span, parent.span);
        assert_eq!(child.parent, Some(parent.span));
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-what-comes-next";

        assert_eq!(later.parse::<TraceContext>().map(|context| context.is_sampled), Ok(false));
    }

    #[test]
    fn what_the_standard_forbids_is_refused() {
        for text in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(text.parse::<TraceContext>(), Err(NotATraceParent), "{text}");
        }
    }

    #[test]
    fn sampling_follows_the_ratio_at_its_ends() {
        assert!(TraceContext::begin(1.0).is_sampled);
        assert!(!TraceContext::begin(0.0).is_sampled);
    }
}
