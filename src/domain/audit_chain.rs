//! The chain over the audit trail (contract §8): each line's hash covers the line and the hash before
//! it, so that no sealed line can be changed, removed or added without breaking every later hash.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// The hash before the first line.
pub const ORIGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A line of the trail as the chain covers it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub id: i64,
    /// Milliseconds since 1970-01-01 UTC.
    pub timestamp: i64,
    pub actor_id: Option<i64>,
    pub actor_role: Option<String>,
    pub action: String,
    pub entity_type: String,
    pub entity_id: Option<String>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    pub request_id: Option<String>,
    pub data: Map<String, Value>,
}

/// What was written about a line when it was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    pub audit_id: i64,
    pub prev_hash: String,
    pub hash: String,
}

/// Where a chain stops being whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    #[error("line {0} was changed after it was sealed")]
    Changed(i64),
    #[error("line {0} was sealed and is gone")]
    Removed(i64),
    #[error("line {0} stands among sealed lines and was never sealed")]
    Inserted(i64),
    #[error(
        "the seal of line {0} does not follow the one before it: a seal was changed or removed"
    )]
    Unlinked(i64),
}

impl Line {
    /// The hash of this line after the one with `prev_hash`: hex SHA-256 over that hash and the line as
    /// JSON without spaces, keys sorted.
    pub fn hash(&self, prev_hash: &str) -> String {
        let mut digest = Sha256::new();
        digest.update(prev_hash.as_bytes());
        digest.update(Canonical(&self.json()).to_string().as_bytes());
        digest.finalize().iter().fold(String::with_capacity(64), |mut hash, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hash, "{byte:02x}");
            hash
        })
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "timestamp": self.timestamp,
            "actor_id": self.actor_id,
            "actor_role": self.actor_role,
            "action": self.action,
            "entity_type": self.entity_type,
            "entity_id": self.entity_id,
            "ip": self.ip,
            "user_agent": self.user_agent,
            "request_id": self.request_id,
            "data": self.data,
        })
    }
}

/// Follows a chain from its first seal on.
#[derive(Debug)]
pub struct Walk {
    last_hash: String,
    /// Seals that were followed.
    pub sealed: u64,
}

impl Default for Walk {
    fn default() -> Self {
        Self { last_hash: ORIGIN.to_owned(), sealed: 0 }
    }
}

impl Walk {
    /// Follows the next seals, `lines` being every line from after the seal before up to the last of
    /// them. Both are in the order of their ids.
    pub fn follow(&mut self, seals: &[Seal], lines: &[Line]) -> Result<(), Break> {
        let mut lines = lines.iter().peekable();
        for seal in seals {
            if let Some(line) = lines.peek().filter(|line| line.id < seal.audit_id) {
                return Err(Break::Inserted(line.id));
            }
            let Some(line) = lines.next_if(|line| line.id == seal.audit_id) else {
                return Err(Break::Removed(seal.audit_id));
            };
            if seal.prev_hash != self.last_hash {
                return Err(Break::Unlinked(seal.audit_id));
            }
            if line.hash(&seal.prev_hash) != seal.hash {
                return Err(Break::Changed(seal.audit_id));
            }
            self.last_hash.clone_from(&seal.hash);
            self.sealed += 1;
        }
        match lines.next() {
            Some(line) => Err(Break::Inserted(line.id)),
            None => Ok(()),
        }
    }
}

/// JSON without spaces, the keys of every object sorted.
struct Canonical<'a>(&'a Value);

impl fmt::Display for Canonical<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Object(fields) => {
                let mut keys: Vec<_> = fields.keys().collect();
                keys.sort_unstable();
                f.write_str("{")?;
                for (place, key) in keys.into_iter().enumerate() {
                    let comma = if place > 0 { "," } else { "" };
                    let name = Value::from(key.as_str());
                    write!(f, "{comma}{name}:{}", Canonical(&fields[key.as_str()]))?;
                }
                f.write_str("}")
            }
            Value::Array(items) => {
                f.write_str("[")?;
                for (place, item) in items.iter().enumerate() {
                    let comma = if place > 0 { "," } else { "" };
                    write!(f, "{comma}{}", Canonical(item))?;
                }
                f.write_str("]")
            }
            plain => plain.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: i64) -> Line {
        Line {
            id,
            timestamp: 1_760_331_498_128,
            actor_id: Some(7),
            actor_role: Some("admin".into()),
            action: "updated".into(),
            entity_type: "patient".into(),
            entity_id: Some("77".into()),
            ip: None,
            user_agent: None,
            request_id: None,
            data: Map::from_iter([("z".into(), 1.into()), ("a".into(), json!({"y": 1, "b": []}))]),
        }
    }

    fn chain(ids: &[i64]) -> (Vec<Seal>, Vec<Line>) {
        let mut last = ORIGIN.to_owned();
        let lines: Vec<_> = ids.iter().copied().map(line).collect();
        let seals = lines.iter().map(|line| {
            let hash = line.hash(&last);
            let prev_hash = std::mem::replace(&mut last, hash.clone());
            Seal { audit_id: line.id, prev_hash, hash }
        });
        (seals.collect(), lines)
    }

    fn walked(seals: &[Seal], lines: &[Line]) -> Result<u64, Break> {
        let mut walk = Walk::default();
        walk.follow(seals, lines).map(|()| walk.sealed)
    }

    #[test]
    fn a_line_is_hashed_with_sorted_keys() {
        let canonical = Canonical(&line(1).json()).to_string();

        assert!(canonical.starts_with(r#"{"action":"updated","actor_id":7,"actor_role":"admin","data":{"a":{"b":[],"y":1},"z":1},"#), "{canonical}");
    }

    #[test]
    fn a_whole_chain_is_followed_in_any_number_of_steps() {
        let (seals, lines) = chain(&[1, 2, 5, 6]);
        assert_eq!(walked(&seals, &lines), Ok(4));

        let mut walk = Walk::default();
        walk.follow(&seals[..2], &lines[..2]).unwrap();
        walk.follow(&seals[2..], &lines[2..]).unwrap();

        assert_eq!(walk.sealed, 4);
    }

    #[test]
    fn whatever_is_done_to_a_sealed_line_is_found() {
        let (seals, lines) = chain(&[1, 2, 5]);
        let mut changed = lines.clone();
        changed[1].entity_id = Some("78".into());
        assert_eq!(walked(&seals, &changed), Err(Break::Changed(2)));

        let removed = [lines[0].clone(), lines[2].clone()];
        assert_eq!(walked(&seals, &removed), Err(Break::Removed(2)));

        let mut inserted = lines.clone();
        inserted.insert(2, line(3));
        assert_eq!(walked(&seals, &inserted), Err(Break::Inserted(3)));
    }

    #[test]
    fn a_line_that_is_removed_with_its_seal_leaves_a_gap() {
        let (mut seals, mut lines) = chain(&[1, 2, 5]);
        seals.remove(1);
        lines.remove(1);

        assert_eq!(walked(&seals, &lines), Err(Break::Unlinked(5)));
    }

    #[test]
    fn a_seal_that_is_made_to_fit_a_changed_line_breaks_the_next() {
        let (mut seals, mut lines) = chain(&[1, 2, 5]);
        lines[1].action = "deleted".into();
        seals[1].hash = lines[1].hash(&seals[1].prev_hash);

        assert_eq!(walked(&seals, &lines), Err(Break::Unlinked(5)));
    }
}
