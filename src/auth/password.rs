//! Passwords: argon2id, on threads that give way to the realtime ones, a bounded number at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use argon2::password_hash::PasswordHasher as _;
use argon2::{Algorithm, Argon2, Params, Version};
use metrics::{counter, histogram};
use rayon::{ThreadPool, ThreadPoolBuilder};
use thread_priority::ThreadPriority;
use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};
use tokio::sync::oneshot;
use tracing::{error, warn};
use unicode_normalization::UnicodeNormalization as _;

pub use super::comparison::Verdict;
use super::comparison::compare;
use crate::error::{Error, FieldCode, Kind, Result};
use crate::telemetry::names;

/// OWASP's second recommendation, as contract §3.5 fixes it: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const LENGTH: std::ops::RangeInclusive<usize> = 8..=128;
/// How many may wait per running computation before callers are turned away.
const QUEUE: usize = 32;

/// Computes and compares password hashes. Cheap to clone.
#[derive(Clone)]
pub struct Passwords(Arc<Inner>);

struct Inner {
    threads: ThreadPool,
    concurrency: usize,
    /// Work that waits or runs.
    taken: AtomicUsize,
    min_score: u8,
    /// Compared against when there is no account, so that time does not tell.
    decoy: String,
}

impl Passwords {
    /// `min_score` is the least zxcvbn score, 0 to 4, a new password must reach.
    pub fn new(concurrency: usize, min_score: u8) -> Result<Self> {
        let concurrency = concurrency.max(1);
        Ok(Self(Arc::new(Inner {
            threads: threads(concurrency)?,
            concurrency,
            taken: AtomicUsize::new(0),
            min_score,
            decoy: compute(super::new_secret().expose())?,
        })))
    }

    /// Hashes a new password after checking it; `pointer` is where the body holds it.
    pub async fn hash_new(
        &self,
        plain: &str,
        email: &str,
        pointer: &'static str,
    ) -> Result<String> {
        self.judged(plain, email, pointer, compute).await
    }

    /// Refuses a new password that breaks a rule, as [`Self::hash_new`] does.
    pub async fn check_new(&self, plain: &str, email: &str, pointer: &'static str) -> Result<()> {
        self.judged(plain, email, pointer, |_| Ok(())).await
    }

    async fn judged<T: Send + 'static>(
        &self,
        plain: &str,
        email: &str,
        pointer: &'static str,
        then: fn(&str) -> Result<T>,
    ) -> Result<T> {
        let (plain, email, min_score) = (normal(plain), email.to_owned(), self.0.min_score);
        self.off_thread(move || {
            check(&plain, &email, min_score)
                .map_err(|(code, detail)| Error::field(pointer, code, detail))?;
            then(&plain)
        })
        .await
    }

    /// Hashes a password that was just verified, for storing it the present way.
    pub async fn rehash(&self, plain: &str) -> Result<String> {
        let plain = normal(plain);
        self.off_thread(move || compute(&plain)).await
    }

    /// Compares. Without a stored hash it takes the same time and finds [`Verdict::Wrong`]; `dearest`
    /// is the highest cost of bcrypt among the hashes of imported accounts.
    pub async fn verify(
        &self,
        plain: &str,
        stored: Option<&str>,
        dearest: Option<u32>,
    ) -> Result<Verdict> {
        // Longer than any password can be: refused before a hash flood can use it.
        let plain =
            if plain.chars().count() > *LENGTH.end() { String::new() } else { normal(plain) };
        let stored = stored.map(ToOwned::to_owned);
        let inner = Arc::clone(&self.0);
        self.off_thread(move || Ok(compare(&plain, stored.as_deref(), &inner.decoy, dearest))).await
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let place = Place::take(&self.0)?;
        let (answer, answered) = oneshot::channel();
        self.0.threads.spawn(move || {
            let began = Instant::now();
            let done = work();
            histogram!(names::PASSWORD_HASH_SECONDS).record(began.elapsed());
            drop(place);
            // Who asked may be gone.
            let _ = answer.send(done);
        });
        answered.await.map_err(Error::internal)?
    }
}

/// Threads that run only while no other thread wants their core (`SCHED_IDLE` of `sched(7)`): a nice
/// thread would be left to finish its slice, milliseconds while which messages wait.
fn threads(count: usize) -> Result<ThreadPool> {
    ThreadPoolBuilder::new()
        .num_threads(count)
        .thread_name(|_| "password".to_owned())
        .start_handler(|_| {
            let (thread, idle) = (thread_native_id(), NormalThreadSchedulePolicy::Idle);
            let policy = ThreadSchedulePolicy::Normal(idle);
            let set = set_thread_priority_and_policy(thread, ThreadPriority::Min, policy);
            if let Err(error) = set {
                warn!(?error, "password hashing keeps an ordinary priority");
            }
        })
        // Whoever waits for the hash is told.
        .panic_handler(|_| error!("password hashing panicked"))
        .build()
        .map_err(Error::internal)
}

/// A place in the queue or on a thread, given back when the work is done.
struct Place(Arc<Inner>);

impl Place {
    fn take(inner: &Arc<Inner>) -> Result<Self> {
        let place = Self(Arc::clone(inner));
        if inner.taken.fetch_add(1, Ordering::Relaxed) >= inner.concurrency * (1 + QUEUE) {
            counter!(names::RATE_LIMITED, "surface" => "http", "reason" => "hashing").increment(1);
            return Err(Kind::RateLimited { retry_after: 1, limit: None }.into());
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One spelling per password, whatever keyboard typed it.
fn normal(plain: &str) -> String {
    plain.nfc().collect()
}

fn check(plain: &str, email: &str, min_score: u8) -> Result<(), (FieldCode, String)> {
    if !LENGTH.contains(&plain.chars().count()) {
        let (least, most) = (LENGTH.start(), LENGTH.end());
        return Err((FieldCode::Length, format!("{least} to {most} characters")));
    }
    if plain.eq_ignore_ascii_case(email) {
        return Err((FieldCode::Rule, "must differ from the e-mail".into()));
    }
    if min_score > 0 && u8::from(zxcvbn::zxcvbn(plain, &[email]).score()) < min_score {
        return Err((FieldCode::Rule, "too easy to guess".into()));
    }
    Ok(())
}

fn argon2id() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(Error::internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn compute(plain: &str) -> Result<String> {
    let hash = argon2id()?.hash_password(plain.as_bytes()).map_err(Error::internal)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use thread_priority::unix::thread_schedule_policy;

    use super::*;

    #[tokio::test]
    async fn a_password_is_recognised_however_its_accents_were_typed() {
        let passwords = Passwords::new(2, 0).unwrap();

        let hash = passwords.hash_new("contrase\u{f1}a", "a@b.c", "/password").await.unwrap();

        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let verdict = passwords.verify("contrasen\u{303}a", Some(&hash), None).await.unwrap();
        assert_eq!(verdict, Verdict::Right);
        assert_eq!(
            passwords.verify("contrasena", Some(&hash), None).await.unwrap(),
            Verdict::Wrong
        );
        assert_eq!(passwords.verify("contrasena", None, None).await.unwrap(), Verdict::Wrong);
    }

    #[test]
    fn a_weak_password_is_refused_by_the_rule_it_breaks() {
        let code = |plain: &str, score| check(plain, "ana@example.com", score).map_err(|e| e.0);

        assert_eq!(code("short", 0), Err(FieldCode::Length));
        assert_eq!(code(&"x".repeat(129), 0), Err(FieldCode::Length));
        assert_eq!(code("ANA@example.com", 0), Err(FieldCode::Rule));
        assert_eq!(code("password1", 2), Err(FieldCode::Rule));
        assert_eq!(code("password1", 0), Ok(()));
        assert_eq!(code("ñandú-río-42", 2), Ok(()));
    }

    #[tokio::test]
    async fn hashing_gives_way_and_nothing_else_does() {
        let passwords = Passwords::new(1, 0).unwrap();
        let policy =
            || thread_schedule_policy().map_err(|error| Error::internal(format!("{error:?}")));
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);

        assert_eq!(passwords.off_thread(policy).await.unwrap(), idle);
        assert_ne!(policy().unwrap(), idle);
        assert_ne!(tokio::task::spawn_blocking(policy).await.unwrap().unwrap(), idle);
    }

    #[tokio::test]
    async fn a_panic_while_hashing_frees_the_place() {
        let passwords = Passwords::new(1, 0).unwrap();

        let failed = passwords.off_thread::<()>(|| panic!("failure injected")).await.unwrap_err();

        assert!(matches!(failed.kind(), Kind::Internal(_)));
        assert_eq!(passwords.off_thread(|| Ok(7)).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn callers_beyond_the_queue_are_turned_away() {
        let passwords = Passwords::new(1, 0).unwrap();
        passwords.0.taken.store(1 + QUEUE, Ordering::Relaxed);

        let refused = passwords.verify("whatever", None, None).await.unwrap_err();

        assert!(matches!(refused.kind(), Kind::RateLimited { .. }));
        assert_eq!(passwords.0.taken.load(Ordering::Relaxed), 1 + QUEUE);
    }
}
