//! Answers kept in this process, so that reading what rarely changes costs no query.
//!
//! Whoever changes a row invalidates its keys after the commit. An answer made from rows read
//! before an invalidation is given but not kept, so what was invalidated cannot come back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::HeaderValue;
use metrics::counter;
use parking_lot::Mutex;

use crate::error::Result;
use crate::telemetry::names;

/// Keys come from callers' queries, so there is an end to them.
const CAPACITY: usize = 2048;

/// A JSON body and its entity tag.
#[derive(Debug, Clone)]
pub struct Answer {
    pub body: Bytes,
    pub tag: HeaderValue,
}

/// Answers by key, each kept for the same time. Cheap to clone.
#[derive(Clone)]
pub struct Cache {
    kept: Arc<Mutex<Kept>>,
    ttl: Duration,
}

#[derive(Default)]
struct Kept {
    answers: HashMap<String, (Answer, Instant)>,
    /// Counts invalidations.
    era: u64,
}

impl Cache {
    /// A cache that forgets an answer after `ttl`; zero keeps nothing.
    pub fn new(ttl: Duration) -> Self {
        Self { kept: Arc::default(), ttl }
    }

    /// The kept answer, else the one `make` makes.
    pub async fn answer(
        &self,
        key: &str,
        make: impl Future<Output = Result<Answer>>,
    ) -> Result<Answer> {
        let era = {
            let kept = self.kept.lock();
            match kept.answers.get(key) {
                Some((answer, until)) if *until > Instant::now() => {
                    counter!(names::CACHE_HITS, "cache" => "answers").increment(1);
                    return Ok(answer.clone());
                }
                _ => kept.era,
            }
        };
        counter!(names::CACHE_MISSES, "cache" => "answers").increment(1);
        let answer = make.await?;
        self.keep(key, &answer, era);
        Ok(answer)
    }

    /// Forgets a key and those under it, or with a trailing `*` every key that starts so. Returns how
    /// many.
    pub fn invalidate(&self, named: &str) -> usize {
        let mut kept = self.kept.lock();
        kept.era += 1;
        let before = kept.answers.len();
        kept.answers.retain(|key, _| !covers(named, key));
        before - kept.answers.len()
    }

    fn keep(&self, key: &str, answer: &Answer, era: u64) {
        let mut kept = self.kept.lock();
        let now = Instant::now();
        if self.ttl.is_zero() || kept.era != era {
            return;
        }
        if kept.answers.len() >= CAPACITY {
            kept.answers.retain(|_, (_, until)| *until > now);
        }
        if kept.answers.len() < CAPACITY {
            kept.answers.insert(key.to_owned(), (answer.clone(), now + self.ttl));
        }
    }
}

/// Whether what is named stands for a key: a key for itself and for those under it, which go on with a
/// `?` or a `:`, a trailing `*` for every key that starts so.
fn covers(named: &str, key: &str) -> bool {
    if let Some(prefix) = named.strip_suffix('*') {
        return key.starts_with(prefix);
    }
    key.strip_prefix(named).is_some_and(|rest| rest.is_empty() || rest.starts_with(['?', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &'static str) -> Answer {
        Answer { body: Bytes::from_static(text.as_bytes()), tag: HeaderValue::from_static("\"t\"") }
    }

    async fn ask(cache: &Cache, key: &str, text: &'static str) -> Bytes {
        cache.answer(key, async { Ok(answer(text)) }).await.unwrap().body
    }

    #[tokio::test]
    async fn an_answer_is_made_once_until_it_is_invalidated() {
        let cache = Cache::new(Duration::from_mins(1));

        assert_eq!(ask(&cache, "catalog:exams:3", "old").await, "old");
        assert_eq!(ask(&cache, "catalog:exams:3", "new").await, "old");
        assert_eq!(cache.invalidate("catalog:prices*"), 0);
        assert_eq!(cache.invalidate("catalog:*"), 1);
        assert_eq!(ask(&cache, "catalog:exams:3", "new").await, "new");
        assert_eq!(cache.invalidate("catalog:exams:3"), 1);
    }

    #[test]
    fn a_key_stands_for_itself_and_for_those_under_it() {
        for key in ["catalog:exams", "catalog:exams?limit=2", "catalog:exams:3"] {
            assert!(covers("catalog:exams", key), "{key}");
            assert!(covers("catalog:ex*", key), "{key}");
        }
        for key in ["catalog:examsets", "catalog:exam", "catalog"] {
            assert!(!covers("catalog:exams", key), "{key}");
        }
    }

    #[tokio::test]
    async fn what_was_read_before_an_invalidation_is_not_kept() {
        let cache = Cache::new(Duration::from_mins(1));
        let slow = cache.answer("k", async {
            cache.invalidate("k");
            Ok(answer("old"))
        });

        assert_eq!(slow.await.unwrap().body, "old");
        assert_eq!(ask(&cache, "k", "new").await, "new");
    }

    #[tokio::test]
    async fn without_a_time_to_live_nothing_is_kept() {
        let cache = Cache::new(Duration::ZERO);

        ask(&cache, "k", "old").await;

        assert_eq!(ask(&cache, "k", "new").await, "new");
    }
}
