//! Actors that hold no task while nothing waits for them.
//!
//! A hub has as many sessions as there are people, and an actor with a task and queues of its own
//! costs each of them some eight KiB. Here an actor is its state and one queue; whoever leaves a
//! message for an actor at rest starts a task, which ends when the queue is empty. Who asks one at
//! rest a question runs it in the asking task, since waking another one costs more than most turns.
//! Messages are handled one at a time and in order. A panic ends the actor, and whoever supervises it
//! is told; what waits then, and is left until another actor takes its place, waits for that one.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use metrics::Histogram;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::Reply;

/// What an actor does with a message. Nothing in it waits.
pub(super) trait Turn: Send + 'static {
    type Message: Send + 'static;

    fn handle(&mut self, message: Self::Message);
}

/// The way to an actor. Cheap to clone.
pub(super) struct OnDemand<A: Turn>(Arc<Inner<A>>);

struct Inner<A: Turn> {
    queue: Mutex<Queue<A>>,
    /// What waits when a message was handled.
    depth: Histogram,
    /// Told the cause of a panic.
    failed: Box<dyn Fn(String) + Send + Sync>,
}

struct Queue<A: Turn> {
    messages: VecDeque<A::Message>,
    /// The actor, while it is not run.
    resting: Option<A>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Alive,
    /// It panicked; another one may take its place.
    Failed,
    Stopped,
}

impl<A: Turn> OnDemand<A> {
    /// Calls `failed` when the actor panicked and is over.
    pub(super) fn new(
        actor: A,
        depth: Histogram,
        failed: impl Fn(String) + Send + Sync + 'static,
    ) -> Self {
        let resting = Some(actor);
        let queue = Queue { messages: VecDeque::new(), resting, state: State::Alive };
        Self(Arc::new(Inner { queue: Mutex::new(queue), depth, failed: Box::new(failed) }))
    }

    /// Leaves a message. It is lost when the actor was stopped, and waits for the next one when it failed.
    pub(super) fn cast(&self, message: A::Message) {
        if let Some((actor, message)) = self.0.leave(message) {
            self.start(actor, message);
        }
    }

    /// Puts another actor in the place of one that failed. It hears `first` before what waits.
    pub(super) fn replace(&self, actor: A, first: A::Message) {
        let mut queue = self.0.queue.lock();
        if queue.state == State::Failed {
            queue.state = State::Alive;
            drop(queue);
            self.start(actor, first);
        }
    }

    fn start(&self, actor: A, message: A::Message) {
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            let mut awake = Some((actor, message));
            while let Some((actor, message)) = awake {
                awake = inner.turn(actor, message);
            }
        });
    }

    /// Asks a question. None when the actor is over, or is stopped before it answers. One at rest answers
    /// on the spot; a task of its own sees to what came meanwhile.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        question: impl FnOnce(Reply<T>) -> A::Message,
    ) -> Option<T> {
        if self.is_over() {
            return None;
        }
        let (reply, answer) = oneshot::channel();
        if let Some((actor, message)) = self.0.leave(question(reply.into()))
            && let Some((actor, message)) = self.0.turn(actor, message)
        {
            self.start(actor, message);
        }
        answer.await.ok()
    }

    /// Ends the actor after the message it is at; what waits is dropped.
    pub(super) fn stop(&self) {
        let mut queue = self.0.queue.lock();
        queue.state = State::Stopped;
        queue.messages = VecDeque::new();
        queue.resting = None;
    }

    /// Whether it failed or was stopped.
    pub(super) fn is_over(&self) -> bool {
        self.0.queue.lock().state != State::Alive
    }
}

impl<A: Turn> Inner<A> {
    /// Puts a message in the queue, or hands it back with the actor that rests: whoever gets them runs them.
    fn leave(&self, message: A::Message) -> Option<(A, A::Message)> {
        let mut queue = self.queue.lock();
        if queue.state == State::Stopped {
            return None;
        }
        if let Some(actor) = queue.resting.take() {
            return Some((actor, message));
        }
        queue.messages.push_back(message);
        None
    }

    /// Has the actor handle one message. What it is to handle next, unless it rests now, or is over.
    fn turn(&self, mut actor: A, message: A::Message) -> Option<(A, A::Message)> {
        let done = catch_unwind(AssertUnwindSafe(|| actor.handle(message)));
        let mut queue = self.queue.lock();
        self.depth.record(u32::try_from(queue.messages.len()).unwrap_or(u32::MAX));
        if let Err(panic) = done {
            if queue.state == State::Alive {
                queue.state = State::Failed;
            }
            drop(queue);
            (self.failed)(cause(&*panic));
            return None;
        }
        if let Some(message) = queue.messages.pop_front() {
            return Some((actor, message));
        }
        // An actor at rest keeps no room for messages.
        queue.messages = VecDeque::new();
        queue.resting = (queue.state == State::Alive).then_some(actor);
        None
    }
}

impl<A: Turn> Clone for OnDemand<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A: Turn> fmt::Debug for OnDemand<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnDemand").field("is_over", &self.is_over()).finish()
    }
}

fn cause(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panicked without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::mpsc;

    use super::*;

    /// Adds up what it is told.
    struct Sum(u64);

    enum Ask {
        Add(u64),
        Total(Reply<u64>),
        Fail,
    }

    impl Turn for Sum {
        type Message = Ask;

        fn handle(&mut self, message: Ask) {
            match message {
                Ask::Add(number) => self.0 += number,
                Ask::Total(reply) => drop(reply.send(self.0)),
                Ask::Fail => panic!("failure injected"),
            }
        }
    }

    fn sum() -> (OnDemand<Sum>, mpsc::UnboundedReceiver<String>) {
        let (failed, failures) = mpsc::unbounded_channel();
        let told = move |cause| drop(failed.send(cause));
        (OnDemand::new(Sum(0), Histogram::noop(), told), failures)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_message_of_many_senders_is_handled_once() {
        let (actor, _failures) = sum();
        let senders = (0..8).map(|_| {
            let actor = actor.clone();
            tokio::spawn(async move {
                for number in 1..=1000 {
                    actor.cast(Ask::Add(number));
                    if number % 10 == 0 {
                        actor.call(Ask::Total).await.unwrap();
                    }
                }
            })
        });
        for sender in senders.collect::<Vec<_>>() {
            sender.await.unwrap();
        }

        assert_eq!(actor.call(Ask::Total).await, Some(8 * 500_500));
        assert!(actor.0.queue.lock().messages.is_empty());
    }

    #[tokio::test]
    async fn one_at_rest_answers_whoever_asks_without_a_task() {
        let (actor, _failures) = sum();

        assert_eq!(actor.call(Ask::Total).now_or_never(), Some(Some(0)));
        actor.cast(Ask::Add(1));
        assert_eq!(actor.call(Ask::Total).now_or_never(), None, "its task has not run yet");
    }

    #[tokio::test]
    async fn a_panic_ends_it_and_is_told() {
        let (actor, mut failures) = sum();

        actor.cast(Ask::Fail);
        actor.cast(Ask::Add(1));

        assert_eq!(failures.recv().await.as_deref(), Some("failure injected"));
        assert!(actor.is_over());
        assert_eq!(actor.call(Ask::Total).await, None);
    }

    #[tokio::test]
    async fn what_waited_behind_a_panic_and_came_after_it_is_for_the_next_one() {
        let (actor, mut failures) = sum();
        actor.cast(Ask::Fail);
        actor.cast(Ask::Add(1));
        failures.recv().await.unwrap();
        actor.cast(Ask::Add(2));

        actor.replace(Sum(100), Ask::Add(10));

        assert_eq!(actor.call(Ask::Total).await, Some(113));
        actor.replace(Sum(0), Ask::Fail);
        assert_eq!(actor.call(Ask::Total).await, Some(113), "one that lives keeps its place");
    }

    #[tokio::test]
    async fn after_a_stop_nobody_is_answered() {
        let (actor, mut failures) = sum();
        actor.cast(Ask::Add(1));

        actor.stop();

        assert_eq!(actor.call(Ask::Total).await, None);
        drop(actor);
        assert_eq!(failures.recv().await, None, "a stop is no failure");
    }
}
