//! Messages on their way: a bounded number, sent in the background, tried again when they fail.

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use tokio::sync::{Semaphore, watch};
use tracing::{debug, info, warn};

use super::channel::{Channel, Message, pause};
use super::mail::{self, Mail, Mailer};
use crate::error::Result;
use crate::telemetry::names;

/// Messages that may be on their way at once; more are given up.
const PLACES: u32 = 1024;
/// Messages that are being sent at once.
const AT_ONCE: usize = 4;

/// What deliveries need to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// None: mails are only logged.
    pub mail: Option<mail::Settings>,
    /// The pause after the first failure; later ones grow.
    pub first_pause: Duration,
}

/// The way out for messages. Cheap to clone.
#[derive(Clone)]
pub struct Deliveries(Arc<Inner>);

struct Inner {
    mailer: Option<Mailer>,
    first_pause: Duration,
    places: Arc<Semaphore>,
    senders: Semaphore,
    /// True from the start of shutdown: nobody waits for another try.
    closing: watch::Sender<bool>,
}

impl Deliveries {
    /// Called within a runtime, which sends what is handed over.
    pub fn start(settings: &Settings) -> Result<Self> {
        Ok(Self(Arc::new(Inner {
            mailer: settings.mail.as_ref().map(Mailer::new).transpose()?,
            first_pause: settings.first_pause,
            places: Arc::new(Semaphore::new(PLACES as usize)),
            senders: Semaphore::new(AT_ONCE),
            closing: watch::Sender::new(false),
        })))
    }

    /// Sends a mail in the background. Finding out whether there is one to send happens there too,
    /// so that whoever asked for it learns nothing from how long that takes.
    pub fn mail(&self, composed: impl Future<Output = Option<Mail>> + Send + 'static) {
        let Ok(place) = Arc::clone(&self.0.places).try_acquire_owned() else {
            warn!(channel = Mailer::NAME, "message given up: too many are on their way");
            count(Mailer::NAME, "dead");
            return;
        };
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            let _place = place;
            let Some(mail) = composed.await else { return };
            if let Some(mailer) = &inner.mailer {
                return inner.deliver(mailer, &mail).await;
            }
            let kind = mail.kind();
            info!(channel = Mailer::NAME, kind, "message only logged: nothing to send it by");
            count(Mailer::NAME, "logged");
        });
    }

    /// Waits until everything that was handed over is sent or given up, at most `within`. Whatever
    /// waits for another try gets its last one now.
    pub async fn drain(&self, within: Duration) {
        self.0.closing.send_replace(true);
        if tokio::time::timeout(within, self.0.places.acquire_many(PLACES)).await.is_err() {
            let left = PLACES as usize - self.0.places.available_permits();
            warn!(
                messages = left,
                "messages were still on their way at the end of the grace period"
            );
        }
        if let Some(mailer) = &self.0.mailer {
            mailer.close().await;
        }
    }
}

impl Inner {
    async fn deliver<C: Channel>(&self, channel: &C, message: &C::Message) {
        let kind = message.kind();
        let mut closing = self.closing.subscribe();
        for failures in 1.. {
            let is_last = *closing.borrow_and_update();
            let sent = {
                let _sender = self.senders.acquire().await;
                channel.send(message).await
            };
            let Err(failed) = sent else {
                debug!(channel = C::NAME, kind, "message sent");
                return count(C::NAME, "sent");
            };
            count(C::NAME, "failed");
            let pause = pause(self.first_pause, failures, rand::random());
            let Some(pause) = pause.filter(|_| !failed.is_final && !is_last) else {
                warn!(
                    channel = C::NAME,
                    kind,
                    reason = failed.reason,
                    tries = failures,
                    "message given up"
                );
                return count(C::NAME, "dead");
            };
            let retry_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            info!(
                channel = C::NAME,
                kind,
                reason = failed.reason,
                retry_ms,
                "message not sent yet"
            );
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = closing.wait_for(|closing| *closing) => {}
            }
        }
    }
}

fn count(channel: &'static str, status: &'static str) {
    counter!(names::DELIVERIES, "channel" => channel, "status" => status).increment(1);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI32, Ordering};
    use std::time::Instant;

    use super::super::channel::Failed;
    use super::*;

    /// Fails as often as it is told to.
    struct Flaky {
        failing: i32,
        is_final: bool,
        tried: AtomicI32,
    }

    struct Note;

    impl Message for Note {
        fn kind(&self) -> &'static str {
            "note"
        }
    }

    impl Channel for Flaky {
        const NAME: &'static str = "flaky";
        type Message = Note;

        async fn send(&self, _: &Note) -> Result<(), Failed> {
            let tries = self.tried.fetch_add(1, Ordering::Relaxed);
            if tries < self.failing {
                return Err(Failed { reason: "flaky", is_final: self.is_final });
            }
            Ok(())
        }
    }

    fn deliveries(first_pause: Duration) -> Deliveries {
        Deliveries::start(&Settings { mail: None, first_pause }).unwrap()
    }

    async fn tries(failing: i32, is_final: bool) -> i32 {
        let flaky = Flaky { failing, is_final, tried: AtomicI32::new(0) };
        deliveries(Duration::from_nanos(1)).0.deliver(&flaky, &Note).await;
        flaky.tried.into_inner()
    }

    #[tokio::test]
    async fn a_message_is_tried_until_it_is_taken_or_six_times() {
        assert_eq!(tries(0, false).await, 1);
        assert_eq!(tries(3, false).await, 4);
        assert_eq!(tries(99, false).await, 6);
    }

    #[tokio::test]
    async fn a_final_failure_is_not_tried_again() {
        assert_eq!(tries(99, true).await, 1);
    }

    #[tokio::test]
    async fn at_shutdown_what_waits_gets_one_last_try() {
        let deliveries = deliveries(Duration::from_hours(1));
        let flaky = Arc::new(Flaky { failing: 99, is_final: false, tried: AtomicI32::new(0) });
        let (inner, channel) = (Arc::clone(&deliveries.0), Arc::clone(&flaky));
        let place = Arc::clone(&inner.places).try_acquire_owned().unwrap();
        tokio::spawn(async move {
            let _place = place;
            inner.deliver(&*channel, &Note).await;
        });
        while flaky.tried.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }

        let began = Instant::now();
        deliveries.drain(Duration::from_mins(1)).await;

        assert!(began.elapsed() < Duration::from_secs(30), "nobody waited for the pause");
        assert_eq!(flaky.tried.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn no_more_are_taken_than_there_are_places() {
        let deliveries = deliveries(Duration::ZERO);
        let (told, heard) = watch::channel(0);
        for _ in 0..=PLACES {
            let (told, mut released) = (told.clone(), deliveries.0.closing.subscribe());
            deliveries.mail(async move {
                told.send_modify(|count| *count += 1);
                drop(released.wait_for(|closing| *closing).await);
                None
            });
        }

        deliveries.drain(Duration::from_mins(1)).await;

        assert_eq!(*heard.borrow(), PLACES);
    }
}
