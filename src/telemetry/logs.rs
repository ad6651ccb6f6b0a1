//! How logs are switched on, and how their level changes while the process runs.
//!
//! Events are lower-case facts with fields. What they must never hold (tokens, bodies, names,
//! health data) is the business of whoever writes them; see [`super::json_lines`] for their shape.

use std::fmt;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layered, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};
use utoipa::ToSchema;

use super::json_lines::JsonLines;

/// How severe an event must be to be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    Debug,
    Info,
    Warning,
    Error,
}

/// What a log line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    Json,
    /// Coloured text for a terminal.
    Pretty,
}

/// The level of the running process, shared by whoever may change it.
#[derive(Clone)]
pub struct LogLevel {
    current: Arc<Mutex<Level>>,
    filter: reload::Handle<Targets, Registry>,
}

impl LogLevel {
    pub fn get(&self) -> Level {
        *self.current.lock()
    }

    /// Applies to every event from now on.
    pub fn set(&self, level: Level) {
        let mut current = self.current.lock();
        // Reloading fails only when the subscriber is gone, and then there is nothing to filter.
        if self.filter.reload(filter(level)).is_ok() {
            *current = level;
        }
    }
}

impl fmt::Debug for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogLevel").field(&self.get()).finish()
    }
}

/// The log of this process, once it has begun.
static RUNNING: Mutex<Option<LogLevel>> = Mutex::new(None);

/// Makes standard output the log of this process. Later calls change nothing and answer the
/// level that rules already.
pub fn start(level: Level, format: Format, node: &str) -> io::Result<LogLevel> {
    // Held to the end: of two that begin at once, one waits and is answered the other's level.
    let mut running = RUNNING.lock();
    if let Some(level) = &*running {
        return Ok(level.clone());
    }
    let lines: Box<dyn Layer<Filtered> + Send + Sync> = match format {
        Format::Json => Box::new(JsonLines::new(node, io::stdout)),
        Format::Pretty => Box::new(tracing_subscriber::fmt::layer().compact()),
    };
    let (subscriber, level) = filtered(lines, level);
    subscriber.try_init().map_err(io::Error::other)?;
    Ok(running.insert(level).clone())
}

/// What lines are written on: everything that the filter passes.
///
/// A filter of the lines alone would keep its decision for the event that comes next, and a library
/// that only asks whether something would be logged leaves it to the wrong one
/// (<https://github.com/tokio-rs/tracing/issues/2519>).
type Filtered = Layered<reload::Layer<Targets, Registry>, Registry>;

/// A subscriber that passes events of the level on to `lines`, and the handle to change it.
fn filtered<L>(lines: L, level: Level) -> (impl tracing::Subscriber + Send + Sync, LogLevel)
where
    L: Layer<Filtered> + Send + Sync,
{
    let (layer, handle) = reload::Layer::new(filter(level));
    let subscriber = tracing_subscriber::registry().with(layer).with(lines);
    (subscriber, LogLevel { current: Arc::new(Mutex::new(level)), filter: handle })
}

/// Ours at the level; libraries only when something is wrong, since their events know nothing
/// of what must stay out of a log.
fn filter(level: Level) -> Targets {
    let level = match level {
        Level::Debug => LevelFilter::DEBUG,
        Level::Info => LevelFilter::INFO,
        Level::Warning => LevelFilter::WARN,
        Level::Error => LevelFilter::ERROR,
    };
    Targets::new().with_target("latido", level).with_default(level.min(LevelFilter::WARN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::json_lines::tests::Page;

    #[test]
    fn the_level_changes_while_the_process_runs() {
        let page = Page::default();
        let (subscriber, level) = filtered(JsonLines::new("n1", page.writer()), Level::Info);

        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!("before");
            level.set(Level::Debug);
            tracing::debug!("after");
            level.set(Level::Error);
            tracing::warn!("later");
        });

        assert_eq!(page.messages(), ["after"]);
        assert_eq!(level.get(), Level::Error);
    }

    /// Database drivers ask after every query whether it would be logged.
    #[test]
    fn a_question_about_what_is_off_swallows_no_line() {
        let page = Page::default();
        let (subscriber, _level) = filtered(JsonLines::new("n1", page.writer()), Level::Info);
        let say = || tracing::info!("said");

        tracing::subscriber::with_default(subscriber, || {
            let off = tracing::debug_span!(target: "sqlx::query", "query");
            let off = off.metadata().unwrap();
            for _ in 0..3 {
                say();
                tracing::dispatcher::get_default(|log| log.enabled(off));
            }
        });

        assert_eq!(page.messages(), ["said"; 3]);
    }

    #[test]
    fn all_who_start_at_once_share_one_log() {
        let starts: Vec<_> = (0..8)
            .map(|_| std::thread::spawn(|| start(Level::Error, Format::Json, "n1").is_ok()))
            .collect();

        assert!(starts.into_iter().all(|start| start.join().unwrap()));
    }

    #[test]
    fn libraries_speak_only_of_trouble() {
        let page = Page::default();
        let (subscriber, _level) = filtered(JsonLines::new("n1", page.writer()), Level::Debug);

        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "sqlx::query", "select");
            tracing::warn!(target: "sqlx::query", "slow");
        });

        assert_eq!(page.messages(), ["slow"]);
    }
}
