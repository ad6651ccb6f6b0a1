//! How well peers see and hear each other, as far as the node's figures go.

use metrics::histogram;

use crate::domain::events::signaling::QualitySample;
use crate::domain::events::values::MediaMode;
use crate::telemetry::names;

/// Counts what somebody measured of a call that is carried so.
pub fn count(mode: MediaMode, sample: &QualitySample) {
    let mode = mode.name();
    if let Some(latency) = sample.latency_ms {
        histogram!(names::ROOM_LATENCY_MS, "mode" => mode).record(latency);
    }
    if let Some(loss) = sample.packet_loss_pct {
        histogram!(names::ROOM_PACKET_LOSS_PCT, "mode" => mode).record(loss);
    }
}
