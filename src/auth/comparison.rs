//! Comparing a password with a stored hash, or with none, at one price for all refusals.
//!
//! How long a refusal takes must tell neither whether a name is somebody's nor how old its hash is.
//! So each costs one argon2id and, while hashes of imported accounts are left, as much bcrypt as the
//! dearest of these ([`amends`]), however much of that the comparison itself took. What is right may
//! be quicker: its answer tells more than its time.

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::PasswordHash;

/// Costs of bcrypt as it is defined; the work doubles with each step.
const COSTS: std::ops::RangeInclusive<u32> = 4..=31;
/// Up to here refusals are made alike; a second of work is as much as one attempt may cause. A dearer
/// hash takes longer to refuse than any other.
const DEAREST: u32 = 14;

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right,
    /// Right, but hashed the old way: hash it again.
    RightButDated,
}

/// How a stored text is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Argon2,
    Bcrypt(u32),
    /// There is none, or it is no hash of ours.
    Unreadable,
}

/// Work that changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Amends {
    Argon2,
    Bcrypt(u32),
}

/// Compares. `decoy` is an argon2id hash nobody knows the password of, `dearest` the highest cost among
/// hashes of imported accounts.
pub(super) fn compare(
    plain: &str,
    stored: Option<&str>,
    decoy: &str,
    dearest: Option<u32>,
) -> Verdict {
    let kind = stored.map_or(Kind::Unreadable, Kind::of);
    let verdict = match (kind, stored) {
        (Kind::Argon2, Some(stored)) => argon2(plain, stored),
        (Kind::Bcrypt(_), Some(stored)) => match bcrypt::verify(plain, stored) {
            Ok(true) => Verdict::RightButDated,
            _ => Verdict::Wrong,
        },
        _ => Verdict::Wrong,
    };
    if verdict == Verdict::Wrong {
        for amends in amends(kind, dearest) {
            match amends {
                Amends::Argon2 => drop(argon2(plain, decoy)),
                Amends::Bcrypt(cost) => drop(bcrypt::hash_with_salt(plain, cost, [0; 16])),
            }
        }
    }
    verdict
}

fn argon2(plain: &str, stored: &str) -> Verdict {
    let Ok(hash) = PasswordHash::new(stored) else { return Verdict::Wrong };
    match Argon2::default().verify_password(plain.as_bytes(), &hash) {
        Ok(()) if stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") => Verdict::Right,
        Ok(()) => Verdict::RightButDated,
        Err(_) => Verdict::Wrong,
    }
}

/// What a refusal still owes after a comparison of this kind.
///
/// A cheap bcrypt is brought to the dearest by itself once more and every cost in between: `2^c` and
/// `2^c + … + 2^(d-1)` are `2^d`.
fn amends(kind: Kind, dearest: Option<u32>) -> Vec<Amends> {
    let dearest = dearest.map(|cost| cost.min(DEAREST));
    let full = dearest.map(Amends::Bcrypt);
    match kind {
        Kind::Argon2 => full.into_iter().collect(),
        Kind::Unreadable => std::iter::once(Amends::Argon2).chain(full).collect(),
        Kind::Bcrypt(cost) => {
            let missing = (cost..dearest.unwrap_or(cost)).map(Amends::Bcrypt);
            std::iter::once(Amends::Argon2).chain(missing).collect()
        }
    }
}

impl Kind {
    fn of(stored: &str) -> Self {
        if stored.starts_with("$argon2") && PasswordHash::new(stored).is_ok() {
            return Self::Argon2;
        }
        let cost = stored.strip_prefix("$2").and_then(|rest| rest.split('$').nth(1));
        match cost.and_then(|cost| cost.parse().ok()) {
            Some(cost) if COSTS.contains(&cost) && stored.len() == 60 => Self::Bcrypt(cost),
            _ => Self::Unreadable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_imported_bcrypt_hash_is_right_but_dated() {
        let hash = bcrypt::hash("correct horse", 4).unwrap();
        let compare = |plain| compare(plain, Some(&hash), "", Some(4));

        assert_eq!(compare("correct horse"), Verdict::RightButDated);
        assert_eq!(compare("wrong horse"), Verdict::Wrong);
    }

    #[test]
    fn a_refusal_costs_one_argon2id_and_the_dearest_bcrypt_whatever_was_compared() {
        for dearest in 4..=DEAREST {
            let bcrypts = (4..=dearest).map(Kind::Bcrypt);
            for kind in [Kind::Argon2, Kind::Unreadable].into_iter().chain(bcrypts) {
                let (mut argon2, mut rounds) = match kind {
                    Kind::Argon2 => (1, 0),
                    Kind::Bcrypt(cost) => (0, 1_u64 << cost),
                    Kind::Unreadable => (0, 0),
                };
                for amends in amends(kind, Some(dearest)) {
                    match amends {
                        Amends::Argon2 => argon2 += 1,
                        Amends::Bcrypt(cost) => rounds += 1 << cost,
                    }
                }
                assert_eq!((argon2, rounds), (1, 1 << dearest), "{kind:?} {dearest}");
            }
        }
        assert_eq!(amends(Kind::Argon2, None), []);
        assert_eq!(amends(Kind::Unreadable, None), [Amends::Argon2]);
    }

    #[test]
    fn what_is_no_hash_is_known_as_none() {
        let bcrypt = bcrypt::hash("correct horse", 4).unwrap();
        let odd = ["", "$2", "$2b$04$short", "$2b$99$", "$argon2id$", "plain text"];

        assert_eq!(Kind::of(&bcrypt), Kind::Bcrypt(4));
        assert!(odd.iter().all(|stored| Kind::of(stored) == Kind::Unreadable));
    }
}
