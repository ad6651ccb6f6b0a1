//! When a refresh token may be spent (contract §3.3).
//!
//! The refresh tokens of a session are a family: each was made in place of the one before, and
//! only the youngest, the leaf, lives.

use std::time::Duration;

use crate::domain::time::Timestamp;

/// A client whose answer got lost asks again within this time.
const RETRY: Duration = Duration::from_secs(10);

/// How a family stands. Tokens are known by their hashes.
#[derive(Debug, Clone)]
pub struct Family {
    /// How often the leaf was replaced.
    pub generation: i64,
    pub leaf: String,
    /// What was spent for the leaf.
    pub parent: Option<String>,
    /// When it was.
    pub replaced_at: Timestamp,
}

/// A token that somebody presents.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// Which replacement made it; absent when only its hash can tell that it is ours.
    pub generation: Option<i64>,
    pub hash: &'a str,
    /// Whether it comes from the device that signed in.
    pub by_its_device: bool,
}

/// What becomes of a presented token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The leaf: a new one takes its place.
    Replace,
    /// Spent for the leaf a moment ago by the same device, which missed the answer: the leaf again.
    Repeat,
    /// Spent before: somebody has a copy.
    Reused,
    /// Never handed out.
    Unknown,
}

impl Family {
    pub fn judge(&self, presented: Presented<'_>, now: Timestamp) -> Verdict {
        if presented.hash == self.leaf {
            return Verdict::Replace;
        }
        let is_parent = self.parent.as_deref() == Some(presented.hash);
        if is_parent && presented.by_its_device && now.since(self.replaced_at) <= RETRY {
            return Verdict::Repeat;
        }
        let is_older = presented.generation.is_some_and(|generation| generation < self.generation);
        if is_parent || is_older { Verdict::Reused } else { Verdict::Unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The family whose leaf `c` took the place of `b` at the second 100.
    fn verdict(hash: &str, by_its_device: bool, seconds: i64) -> Verdict {
        let family = Family {
            generation: 2,
            leaf: "c".into(),
            parent: Some("b".into()),
            replaced_at: Timestamp(100_000),
        };
        let generation = hash.bytes().map(|letter| i64::from(letter) - i64::from(b'a')).sum();
        let presented = Presented { generation: Some(generation), hash, by_its_device };
        let verdict = family.judge(presented, Timestamp(seconds * 1000));
        // Of a key that is gone, all but an older ancestor is known by its hash.
        let unproven = Presented { generation: None, ..presented };
        let by_hash = family.judge(unproven, Timestamp(seconds * 1000));
        assert!(by_hash == verdict || (hash == "a" && by_hash == Verdict::Unknown), "{hash}");
        verdict
    }

    #[test]
    fn the_leaf_is_replaced_whoever_brings_it_and_whenever() {
        assert_eq!(verdict("c", true, 100), Verdict::Replace);
        assert_eq!(verdict("c", false, 9999), Verdict::Replace);
    }

    #[test]
    fn the_parent_comes_back_only_soon_and_from_its_device() {
        assert_eq!(verdict("b", true, 110), Verdict::Repeat);
        // The clock of another node may be behind.
        assert_eq!(verdict("b", true, 98), Verdict::Repeat);
        assert_eq!(verdict("b", true, 111), Verdict::Reused);
        assert_eq!(verdict("b", false, 100), Verdict::Reused);
    }

    #[test]
    fn an_ancestor_is_reused_and_a_token_of_the_future_unknown() {
        assert_eq!(verdict("a", true, 100), Verdict::Reused);
        assert_eq!(verdict("d", true, 100), Verdict::Unknown);
    }
}
