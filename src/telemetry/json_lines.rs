//! One JSON object per event, with the fields of the spans it happened in.
//!
//! Every line has `ts`, `level`, `target`, `msg`, `request_id`, `trace_id`, `span_id` and `node_id`;
//! the identifiers are null outside a request. A request is a span named `request` that declares
//! `request_id`, `trace_id`, `span_id`, `method`, `path` (the route's template) and `user_id`, some
//! of them empty until they are known. Other fields stand beside these under their own names.

use std::fmt;
use std::io::Write;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::domain::time::Timestamp;

/// Names that only the line itself may fill.
const OWN: [&str; 5] = ["ts", "level", "target", "msg", "node_id"];

/// Identifiers that stand in every line, known or not.
const IDENTIFIERS: [&str; 3] = ["request_id", "trace_id", "span_id"];

/// Writes the lines.
pub struct JsonLines<W> {
    node: String,
    writer: W,
}

impl<W> JsonLines<W> {
    pub fn new(node: &str, writer: W) -> Self {
        Self { node: node.to_owned(), writer }
    }
}

/// The fields of a span, kept with it until it closes.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // What is nearer to the event wins: its own fields, then inner spans, then outer ones.
        let mut fields = Map::new();
        for span in
            context.event_scope(event).into_iter().flatten().collect::<Vec<_>>().iter().rev()
        {
            if let Some(known) = span.extensions().get::<Fields>() {
                fields.extend(known.0.clone());
            }
        }
        let mut own = Fields::default();
        event.record(&mut own);
        let message = own.0.remove("message").unwrap_or_default();
        fields.extend(own.0);

        let metadata = event.metadata();
        let mut line = Map::new();
        line.insert("ts".into(), Timestamp::now().to_string().into());
        line.insert("level".into(), level(*metadata.level()).into());
        line.insert("target".into(), metadata.target().into());
        line.insert("msg".into(), message);
        for name in IDENTIFIERS {
            line.insert(name.into(), fields.remove(name).unwrap_or_default());
        }
        line.insert("node_id".into(), self.node.clone().into());
        line.extend(fields.into_iter().filter(|(name, _)| !OWN.contains(&name.as_str())));

        let mut text = Value::Object(line).to_string();
        text.push('\n');
        // A log that cannot be written has nowhere to say so.
        drop(self.writer.make_writer_for(metadata).write_all(text.as_bytes()));
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, text: &str) {
        self.put(field, text.into());
    }

    fn record_i64(&mut self, field: &Field, number: i64) {
        self.put(field, number.into());
    }

    fn record_u64(&mut self, field: &Field, number: u64) {
        self.put(field, number.into());
    }

    fn record_f64(&mut self, field: &Field, number: f64) {
        self.put(field, number.into());
    }

    fn record_bool(&mut self, field: &Field, truth: bool) {
        self.put(field, truth.into());
    }

    fn record_error(&mut self, field: &Field, error: &(dyn std::error::Error + 'static)) {
        self.put(field, error.to_string().into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

/// The words of `LOG_LEVEL`.
fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        _ => "DEBUG",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io;
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tracing::field::Empty;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// A log that a test can read.
    #[derive(Clone, Default)]
    pub(crate) struct Page(Arc<Mutex<Vec<u8>>>);

    impl Page {
        pub(crate) fn writer(&self) -> impl Fn() -> Self + Send + Sync + use<> {
            let page = self.clone();
            move || page.clone()
        }

        pub(crate) fn lines(&self) -> Vec<Value> {
            let text = String::from_utf8(self.0.lock().clone()).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        }

        pub(crate) fn messages(&self) -> Vec<String> {
            self.lines().iter().map(|line| line["msg"].as_str().unwrap().to_owned()).collect()
        }
    }

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(what: impl FnOnce()) -> Vec<Value> {
        let page = Page::default();
        let subscriber = tracing_subscriber::registry().with(JsonLines::new("n1", page.writer()));
        tracing::subscriber::with_default(subscriber, what);
        page.lines()
    }

    #[test]
    fn an_event_of_a_request_carries_what_is_known_of_the_request() {
        let lines = logged(|| {
            let span = tracing::info_span!(
                "request",
                request_id = "01JB",
                trace_id = "0af7",
                span_id = "b7ad",
                method = "GET",
                path = "/users/{id}",
                user_id = Empty,
            );
            let _inside = span.enter();
            span.record("user_id", 7);
            tracing::info!(status = 200, duration_ms = 1.5, "request served");
        });

        let mut line = lines[0].clone();
        let ts = line.as_object_mut().unwrap().remove("ts").unwrap();
        assert!(ts.as_str().unwrap().ends_with('Z'));
        assert_eq!(
            line,
            serde_json::json!({
                "level": "INFO", "target": module_path!(), "msg": "request served",
                "request_id": "01JB", "trace_id": "0af7", "span_id": "b7ad", "node_id": "n1",
                "user_id": 7, "method": "GET", "path": "/users/{id}", "status": 200, "duration_ms": 1.5,
            })
        );
    }

    #[test]
    fn an_event_outside_a_request_still_has_the_identifiers() {
        let lines = logged(|| tracing::warn!(reason = %"idle", "socket closed"));

        let line = lines[0].as_object().unwrap();
        assert_eq!(line["level"], "WARNING");
        assert_eq!(line["reason"], "idle");
        assert_eq!(line["request_id"], Value::Null);
        assert!(!line.contains_key("user_id"));
        let keys: Vec<_> = line.keys().map(String::as_str).collect();
        for key in ["ts", "level", "target", "msg", "request_id", "trace_id", "span_id", "node_id"]
        {
            assert!(keys.contains(&key), "{key}");
        }
    }

    #[test]
    fn a_field_cannot_pose_as_a_part_of_the_line() {
        let lines = logged(|| tracing::info!(node_id = "other", ts = 0, "said\n\"quoted\""));

        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["node_id"], "n1");
        assert_ne!(lines[0]["ts"], 0);
        assert_eq!(lines[0]["msg"], "said\n\"quoted\"");
    }
}
