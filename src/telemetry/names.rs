//! Every metric.
pub const WS_CONNECTIONS: &str = "latido_ws_connections";
pub const WS_MESSAGES_IN: &str = "latido_ws_messages_in_total";
pub const WS_MESSAGES_OUT: &str = "latido_ws_messages_out_total";
pub const WS_DROPPED: &str = "latido_ws_dropped_total";
pub const WS_DISCONNECTS: &str = "latido_ws_disconnects_total";
pub const FANOUT_SECONDS: &str = "latido_fanout_seconds";
pub const ACTORS: &str = "latido_actors";
pub const ACTOR_RESTARTS: &str = "latido_actor_restarts_total";
pub const OUTBOX_DISPATCH_SECONDS: &str = "latido_outbox_dispatch_seconds";
pub const RATE_LIMITED: &str = "latido_rate_limited_total";
