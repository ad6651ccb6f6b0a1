//! How well a call is seen and heard: the mean of what its participants measured lately.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::events::signaling::QualitySample;

/// How far back measurements count.
pub const WINDOW: Duration = Duration::from_mins(1);

/// How long a call goes badly before it is moved.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Percent of packets, and milliseconds, that are too much.
const BAD: (f64, f64) = (5.0, 400.0);

/// Whether a call goes badly, by what its participants measured (contract §6.4).
pub fn is_poor<'a>(samples: impl IntoIterator<Item = &'a QualitySample>) -> bool {
    let (worst_loss, worst_latency) = BAD;
    Quality::of(samples).is_some_and(|mean| {
        mean.packet_loss_pct.is_some_and(|loss| loss > worst_loss)
            || mean.latency_ms.is_some_and(|latency| latency > worst_latency)
    })
}

/// Means over the measurements of a minute.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"latencyMs": 84.0, "packetLossPct": 0.3, "bitrateKbps": 1800.0,
    "resolution": "1280x720", "frameRate": 30.0, "jitterMs": 6.1, "samples": 12}))]
pub struct Quality {
    latency_ms: Option<f64>,
    packet_loss_pct: Option<f64>,
    bitrate_kbps: Option<f64>,
    /// The latest.
    resolution: Option<String>,
    frame_rate: Option<f64>,
    jitter_ms: Option<f64>,
    samples: usize,
}

impl Quality {
    /// Of measurements, the oldest first; of none there is no quality.
    pub fn of<'a>(samples: impl IntoIterator<Item = &'a QualitySample>) -> Option<Self> {
        let samples: Vec<_> = samples.into_iter().collect();
        let mean = |field: fn(&QualitySample) -> Option<f64>| {
            mean(samples.iter().filter_map(|sample| field(sample)))
        };
        let latest = samples.iter().rev().find_map(|sample| sample.resolution.clone());
        (!samples.is_empty()).then(|| Self {
            latency_ms: mean(|sample| sample.latency_ms),
            packet_loss_pct: mean(|sample| sample.packet_loss_pct),
            bitrate_kbps: mean(|sample| sample.bitrate_kbps),
            resolution: latest,
            frame_rate: mean(|sample| sample.frame_rate),
            jitter_ms: mean(|sample| sample.jitter_ms),
            samples: samples.len(),
        })
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_poor_by_the_mean_of_its_loss_or_of_its_latency() {
        let sample = |latency, loss| QualitySample {
            latency_ms: Some(latency),
            packet_loss_pct: Some(loss),
            ..QualitySample::default()
        };

        assert!(!is_poor(&[sample(400.0, 5.0)]));
        assert!(is_poor(&[sample(10.0, 5.1)]));
        assert!(is_poor(&[sample(400.1, 0.0)]));
        assert!(!is_poor(&[sample(790.0, 0.0), sample(10.0, 0.0)]));
        assert!(!is_poor(&[]));
    }

    #[test]
    fn what_was_not_measured_does_not_count() {
        let first = QualitySample {
            latency_ms: Some(80.0),
            resolution: Some("640x360".into()),
            ..QualitySample::default()
        };
        let second = QualitySample {
            latency_ms: Some(100.0),
            resolution: Some("1280x720".into()),
            ..QualitySample::default()
        };
        let third = QualitySample { jitter_ms: Some(6.0), ..QualitySample::default() };

        let quality = Quality::of([&first, &second, &third]).unwrap();

        assert_eq!((quality.latency_ms, quality.jitter_ms), (Some(90.0), Some(6.0)));
        assert_eq!(quality.resolution.as_deref(), Some("1280x720"));
        assert_eq!((quality.packet_loss_pct, quality.samples), (None, 3));
        assert_eq!(Quality::of([]), None);
    }
}
