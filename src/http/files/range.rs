//! One span of a file's bytes (RFC 9110 §14).

/// What a `Range` header comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing was asked for, or in a way that may be ignored: several spans, another unit.
    Whole,
    /// From the first byte up to the second.
    Span(u64, u64),
    /// It lies behind the end.
    Nowhere,
}

impl Asked {
    pub(super) fn of(header: &str, size: u64) -> Self {
        Self::span(header, size).unwrap_or(Self::Whole)
    }

    fn span(header: &str, size: u64) -> Option<Self> {
        let (unit, spans) = header.split_once('=')?;
        let (first, last) = spans.trim().split_once('-')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") || last.contains(',') {
            return None;
        }
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
            is_number.then(|| text.parse().unwrap_or(u64::MAX))
        };
        let (start, end) = match (first, last) {
            ("", last) => (size.saturating_sub(number(last)?), size),
            (first, "") => (number(first)?, size),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                if last < first {
                    return None;
                }
                (first, last.saturating_add(1).min(size))
            }
        };
        Some(if start < end { Self::Span(start, end) } else { Self::Nowhere })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_as_the_standard_says() {
        for (header, asked) in [
            ("bytes=0-0", Asked::Span(0, 1)),
            ("bytes=0-9", Asked::Span(0, 10)),
            ("bytes=5-", Asked::Span(5, 10)),
            ("bytes=-3", Asked::Span(7, 10)),
            ("bytes=-99", Asked::Span(0, 10)),
            ("BYTES=8-99999999999999999999", Asked::Span(8, 10)),
            ("bytes=10-", Asked::Nowhere),
            ("bytes=-0", Asked::Nowhere),
            ("bytes=99999999999999999999-", Asked::Nowhere),
            ("bytes=3-2", Asked::Whole),
            ("bytes=0-1,3-4", Asked::Whole),
            ("bytes=+1-2", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("pages=1-2", Asked::Whole),
            ("nonsense", Asked::Whole),
        ] {
            assert_eq!(Asked::of(header, 10), asked, "{header}");
        }
    }
}
