//! What is measured: each scenario takes one fresh server through one measurement.

mod ack;
mod connect;
mod fanout;
mod idle;

use std::{io, time::Duration};

use clap::ValueEnum;
use serde::Serialize;

use crate::{
    cpu::{Spent, approximate},
    servers::{Kind, Stand},
    stats,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scenario {
    /// 1 000 sockets, one message at a time.
    #[value(name = "fanout-1")]
    Fanout1,
    /// 1 000 sockets, 16 publishes in flight.
    #[value(name = "fanout-16")]
    Fanout16,
    /// 10 000 sockets, 4 publishes in flight.
    #[value(name = "fanout-10k")]
    Fanout10k,
    /// Resident memory of 10 000 silent sockets.
    Idle,
    /// Signing in 10 000 sockets.
    Connect,
    /// 64 sockets, each with one acked event outstanding.
    Ack,
}

/// How long and how large a measurement is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Settings {
    /// Sockets, instead of the scenario's own number.
    pub(crate) sockets: Option<usize>,
    /// A measurement ends when the server has spent this much on a core.
    pub(crate) cpu: Duration,
    /// Or when this much time has passed.
    pub(crate) longest: Duration,
    /// Sign-ins on the way at once.
    pub(crate) connecting: usize,
    /// Silence before memory is read.
    pub(crate) settle: Duration,
}

/// What one measurement of one server gave.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Sample {
    /// The scenario's figure, in its unit.
    pub(crate) value: f64,
    /// The parts of `value` outside and inside the kernel; absent where it is not time.
    pub(crate) user: Option<f64>,
    pub(crate) system: Option<f64>,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) sockets: usize,
    /// What the cost was divided by: deliveries, connects, round trips or sockets.
    pub(crate) units: u64,
    pub(crate) seconds: f64,
    /// Length of one message on the wire without its frame header; 0 where none was fanned out.
    pub(crate) message_bytes: usize,
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    /// Messages that a socket saw in another order than the first socket did.
    pub(crate) disordered: u64,
}

impl Scenario {
    pub(crate) const ALL: [Self; 6] =
        [Self::Fanout1, Self::Fanout16, Self::Fanout10k, Self::Idle, Self::Connect, Self::Ack];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fanout1 => "fanout-1",
            Self::Fanout16 => "fanout-16",
            Self::Fanout10k => "fanout-10k",
            Self::Idle => "idle",
            Self::Connect => "connect",
            Self::Ack => "ack",
        }
    }

    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Fanout1 | Self::Fanout16 | Self::Fanout10k => "µs per delivered message",
            Self::Idle => "KiB per socket",
            Self::Connect => "µs per connect",
            Self::Ack => "µs per round trip",
        }
    }

    /// The raw loop keeps nothing per socket, so memory is not compared with it.
    pub(crate) fn has_ratio(self) -> bool {
        self != Self::Idle
    }

    /// Starts `kind`, measures it and stops it.
    pub(crate) fn measure(
        self,
        stand: &Stand,
        kind: Kind,
        settings: &Settings,
    ) -> io::Result<Sample> {
        let sockets = settings.sockets.unwrap_or(match self {
            Self::Fanout1 | Self::Fanout16 => 1_000,
            Self::Fanout10k | Self::Idle | Self::Connect => 10_000,
            Self::Ack => 64,
        });
        match self {
            Self::Fanout1 => fanout::measure(stand, kind, settings, sockets, 1),
            Self::Fanout16 => fanout::measure(stand, kind, settings, sockets, 16),
            Self::Fanout10k => fanout::measure(stand, kind, settings, sockets, 4),
            Self::Idle => idle::measure(stand, kind, settings, sockets),
            Self::Connect => connect::measure(stand, kind, settings, sockets),
            Self::Ack => ack::measure(stand, kind, settings, sockets),
        }
    }
}

impl Sample {
    /// CPU time spread over `units`, in microseconds each.
    pub(crate) fn of_cpu(spent: Spent, units: u64, elapsed: Duration) -> Self {
        let value = spent.total.as_secs_f64() * 1e6 / approximate(units.max(1));
        let user = value * spent.user_share;
        Self {
            value,
            user: Some(user),
            system: Some(value - user),
            units,
            seconds: elapsed.as_secs_f64(),
            ..Self::default()
        }
    }

    /// Adds the percentiles of `microseconds`.
    pub(crate) fn with_latency(mut self, microseconds: &mut [u32]) -> Self {
        let in_ms = |us| f64::from(us) / 1000.0;
        self.p50_ms = stats::percentile(microseconds, 50).map(in_ms);
        self.p99_ms = stats::percentile(microseconds, 99).map(in_ms);
        self
    }
}
