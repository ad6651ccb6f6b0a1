//! Actors that hold no task while nothing waits for them.
//!
//! A hub has as many sessions as there are people, and an actor with a task and queues of its own
//! costs each of them some eight KiB. Here an actor is its state and one queue; whoever leaves a
//! message for an actor at rest starts a task, which ends when the queue is empty. Messages are
//! handled one at a time and in order. A panic ends the actor, and whoever supervises it is told; what
//! waits then, and is left until another actor takes its place, waits for that one.

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
    /// What is left waiting when a message is taken out.
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
        let mut queue = self.0.queue.lock();
        if queue.state == State::Stopped {
            return;
        }
        queue.messages.push_back(message);
        if let Some(actor) = queue.resting.take() {
            drop(queue);
            self.start(actor);
        }
    }

    /// Puts another actor in the place of one that failed. It hears `first` before what waits.
    pub(super) fn replace(&self, actor: A, first: A::Message) {
        let mut queue = self.0.queue.lock();
        if queue.state == State::Failed {
            queue.state = State::Alive;
            queue.messages.push_front(first);
            drop(queue);
            self.start(actor);
        }
    }

    fn start(&self, actor: A) {
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move { inner.run(actor) });
    }

    /// Asks a question. None when the actor is over, or is stopped before it answers.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        question: impl FnOnce(Reply<T>) -> A::Message,
    ) -> Option<T> {
        if self.is_over() {
            return None;
        }
        let (reply, answer) = oneshot::channel();
        self.cast(question(reply.into()));
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
    fn run(&self, mut actor: A) {
        loop {
            let mut queue = self.queue.lock();
            let Some(message) = queue.messages.pop_front() else {
                // An actor at rest keeps no room for messages.
                queue.messages = VecDeque::new();
                queue.resting = (queue.state == State::Alive).then_some(actor);
                return;
            };
            self.depth.record(u32::try_from(queue.messages.len()).unwrap_or(u32::MAX));
            drop(queue);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| actor.handle(message))) {
                let mut queue = self.queue.lock();
                if queue.state == State::Alive {
                    queue.state = State::Failed;
                }
                drop(queue);
                (self.failed)(cause(&*panic));
                return;
            }
        }
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
            tokio::spawn(async move { (1..=1000).for_each(|number| actor.cast(Ask::Add(number))) })
        });
        for sender in senders.collect::<Vec<_>>() {
            sender.await.unwrap();
        }

        assert_eq!(actor.call(Ask::Total).await, Some(8 * 500_500));
        assert!(actor.0.queue.lock().messages.is_empty());
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
