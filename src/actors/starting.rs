//! Which actors a node has, and how each is started again.

use std::sync::Arc;

use ractor::{Actor, ActorCell, SpawnErr};

use super::channel::{self, ChannelShard};
use super::dashboard::Dashboard;
use super::hub::Hub;
use super::mailbox::{self, Mailbox, Waiting};
use super::presence::{self, Presence};
use super::relay::{self, Relay};
use super::rooms::{JournalArguments, Rooms, Writer};
use super::supervisor::{Child, Core, Sessions};
use super::warden::{self, Warden};

impl Hub {
    /// Starts the supervisors, and they everything else.
    pub(super) async fn spawn(&self) -> Result<(), SpawnErr> {
        let table = Arc::clone(&self.inner().sessions);
        let (sessions, _) = Actor::spawn(None, Sessions, Arc::clone(&table)).await?;
        table.supervise_by(sessions.clone());
        let table = Arc::clone(&self.inner().rooms);
        let (rooms, _) = Actor::spawn(None, Rooms, Arc::clone(&table)).await?;
        table.supervise_by(rooms.clone());
        let (core, _) = Actor::spawn(None, Core, self.children()).await?;
        *self.inner().supervisors.lock() =
            vec![sessions.get_cell(), rooms.get_cell(), core.get_cell()];
        Ok(())
    }

    /// The actors that [`Core`] keeps running.
    fn children(&self) -> Vec<Child> {
        let hub = self.clone();
        let mut children: Vec<Child> = (0..self.inner().settings.shards)
            .map(|index| {
                let hub = hub.clone();
                child("channel", move |supervisor| {
                    let start = channel::Arguments {
                        index,
                        inbox: Arc::clone(&hub.inner().channels.inboxes()[index]),
                        registry: Arc::clone(&hub.inner().registry),
                    };
                    async move { spawn_linked(ChannelShard, start, supervisor).await }
                })
            })
            .collect();
        let (relay, warden, present) = (self.clone(), self.clone(), self.clone());
        let noting = self.clone();
        children.push(child("journal", move |supervisor| {
            let start = JournalArguments {
                store: noting.store().clone(),
                node: noting.settings().node.clone(),
                rooms: Arc::clone(&noting.inner().rooms),
                progress: Arc::clone(&noting.inner().progress),
            };
            async move { spawn_linked(Writer, start, supervisor).await }
        }));
        children.push(child("relay", move |supervisor| {
            let start = relay::Arguments {
                store: relay.inner().store.clone(),
                channels: relay.inner().channels.clone(),
                authority: relay.authority(),
                progress: Arc::clone(&relay.inner().progress),
                tracer: relay.settings().tracer.clone(),
            };
            async move { spawn_linked(Relay, start, supervisor).await }
        }));
        children.push(child("warden", move |supervisor| {
            let hub = warden.clone();
            async move {
                let waiting = Waiting::none(mailbox::depth("warden"));
                let registry = Arc::clone(&hub.inner().registry);
                let start = warden::Arguments { registry, waiting: waiting.clone() };
                let (actor, _) = Actor::spawn_linked(None, Warden, start, supervisor).await?;
                let cell = actor.get_cell();
                *hub.inner().warden.lock() = Some(Mailbox::new(actor, waiting));
                Ok(cell)
            }
        }));
        children.push(child("presence", move |supervisor| {
            let start = presence::Arguments {
                store: present.store().clone(),
                channels: present.inner().channels.clone(),
                grace: present.settings().presence_grace,
                waiting: Waiting::none(mailbox::depth("presence")),
            };
            async move { spawn_linked(Presence, start, supervisor).await }
        }));
        children.push(child("dashboard", move |supervisor| {
            let hub = hub.clone();
            async move {
                let start = hub.clone();
                let (actor, _) = Actor::spawn_linked(None, Dashboard, start, supervisor).await?;
                let cell = actor.get_cell();
                *hub.inner().dashboard.lock() = Some(actor);
                Ok(cell)
            }
        }));
        children
    }
}

fn child<F>(kind: &'static str, start: impl Fn(ActorCell) -> F + Send + Sync + 'static) -> Child
where
    F: Future<Output = Result<ActorCell, SpawnErr>> + Send + 'static,
{
    Child { kind, start: Arc::new(move |supervisor| Box::pin(start(supervisor))) }
}

async fn spawn_linked<A: Actor>(
    actor: A,
    start: A::Arguments,
    supervisor: ActorCell,
) -> Result<ActorCell, SpawnErr> {
    let (actor, _) = Actor::spawn_linked(None, actor, start, supervisor).await?;
    Ok(actor.get_cell())
}
