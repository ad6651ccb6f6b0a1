//! Every metric: its name, its kind, what it means. Labels come from closed sets, never from
//! identifiers, and stand in the help text.

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Counter,
    Gauge,
    /// With the upper bounds of its buckets.
    Histogram(&'static [f64]),
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
}

/// Requests and queries: half a millisecond to ten seconds.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Work inside the hub: ten microseconds to one second.
const SHORT_SECONDS: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
    0.05, 0.1, 0.25, 1.0,
];

/// Waiting messages.
const DEPTHS: &[f64] = &[0.0, 1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0];

/// Round trips of media, around the promised 200 ms.
const MILLISECONDS: &[f64] =
    &[10.0, 25.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1000.0, 2000.0];

/// Loss of media packets, around the promised 1 %.
const PERCENT: &[f64] = &[0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0];

macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:expr, $help:literal;)+) => {
        $(#[doc = $help] pub const $constant: &str = $name;)+

        /// All of them, in the order of the contract.
        pub const ALL: &[Metric] =
            &[$(Metric { name: $constant, kind: $kind, help: $help }),+];
    };
}

metrics! {
    HTTP_REQUESTS = "latido_http_requests_total", Kind::Counter,
        "HTTP requests by `method`, `route` and `status`.";
    HTTP_REQUEST_SECONDS = "latido_http_request_duration_seconds", Kind::Histogram(SECONDS),
        "Time from an HTTP request's head to its answer by `method`, `route` and `status`.";
    WS_CONNECTIONS = "latido_ws_connections", Kind::Gauge,
        "Connected sockets by `namespace`, `transport` and `role`.";
    WS_MESSAGES_IN = "latido_ws_messages_in_total", Kind::Counter,
        "Events received from sockets by `namespace` and `event`.";
    WS_MESSAGES_OUT = "latido_ws_messages_out_total", Kind::Counter,
        "Published events handed to sockets by `namespace` and `event`.";
    WS_DROPPED = "latido_ws_dropped_total", Kind::Counter,
        "Events dropped before their socket by `reason`.";
    WS_DISCONNECTS = "latido_ws_disconnects_total", Kind::Counter,
        "Closed sockets by `reason`.";
    FANOUT_SECONDS = "latido_fanout_seconds", Kind::Histogram(SHORT_SECONDS),
        "Time from a publish to the last local socket's queue by `event`.";
    ROOMS_ACTIVE = "latido_rooms_active", Kind::Gauge,
        "Rooms with at least one peer by `mode`: of this node, and what the database knows to be at the media server.";
    PEERS_ACTIVE = "latido_peers_active", Kind::Gauge,
        "Peers by `mode`: seated in rooms of this node, and whom the database knows to be at the media server.";
    CONSULTATIONS_LIVE = "latido_consultations_live", Kind::Gauge,
        "Consultations in progress in the database by `mode`.";
    RECORDINGS_ACTIVE = "latido_recordings_active", Kind::Gauge,
        "Recordings in progress in the database by `mode`.";
    SIGNALING_RELAY_SECONDS = "latido_signaling_relay_seconds", Kind::Histogram(SHORT_SECONDS),
        "Time from a received signal to its peer's queue by `type`.";
    HANDOVERS = "latido_handovers_total", Kind::Counter,
        "Calls moved between browsers and LiveKit by `reason` and `result`, which is `ok` or `failed`.";
    ACTORS = "latido_actors", Kind::Gauge,
        "Running actors by `kind`.";
    ACTOR_RESTARTS = "latido_actor_restarts_total", Kind::Counter,
        "Actors restarted after a failure by `kind`.";
    ACTOR_MAILBOX_DEPTH = "latido_actor_mailbox_depth", Kind::Histogram(DEPTHS),
        "Messages left waiting in a mailbox when one is taken out by `kind`.";
    CLUSTER_MESSAGES = "latido_cluster_messages_total", Kind::Counter,
        "Messages exchanged with other nodes by `direction`.";
    CLUSTER_LAG_SECONDS = "latido_cluster_lag_seconds", Kind::Histogram(SECONDS),
        "Time from a publish on one node to its delivery on another by `direction`.";
    REDIS_UP = "latido_redis_up", Kind::Gauge,
        "1 while Redis answers, 0 while it does not.";
    OUTBOX_PENDING = "latido_outbox_pending", Kind::Gauge,
        "Committed events that wait for dispatch.";
    OUTBOX_DISPATCH_SECONDS = "latido_outbox_dispatch_seconds", Kind::Histogram(SECONDS),
        "Time from the writing of an event to its publication.";
    DB_QUERY_SECONDS = "latido_db_query_seconds", Kind::Histogram(SECONDS),
        "Time of database work by `op`.";
    DB_POOL_IN_USE = "latido_db_pool_in_use", Kind::Gauge,
        "Database connections in use by `op`.";
    CACHE_HITS = "latido_cache_hits_total", Kind::Counter,
        "Answers found in a cache by `cache`.";
    CACHE_MISSES = "latido_cache_misses_total", Kind::Counter,
        "Answers not found in a cache by `cache`.";
    RATE_LIMITED = "latido_rate_limited_total", Kind::Counter,
        "Refusals by a rate limit by `surface` and `reason`.";
    AUTH_FAILURES = "latido_auth_failures_total", Kind::Counter,
        "Refused credentials by `surface` and `reason`.";
    PASSWORD_HASH_SECONDS = "latido_password_hash_seconds", Kind::Histogram(SECONDS),
        "Time of one computation of a password hash, the wait for its turn not included.";
    OIDC_LOGOUTS = "latido_oidc_logouts_total", Kind::Counter,
        "Attempts to tell OpenID clients that a session ended by `outcome`.";
    LIVEKIT_REQUESTS = "latido_livekit_requests_total", Kind::Counter,
        "Calls to the LiveKit API by `op`, its method, and `status`: `ok`, `not_found`, `timeout` or `failed`.";
    PAYMENTS = "latido_payments_total", Kind::Counter,
        "Payment steps by `op` and `status`.";
    DELIVERIES = "latido_deliveries_total", Kind::Counter,
        "Messages to people by `channel` and `status`; each try that fails counts as `failed`.";
    ROOM_LATENCY_MS = "latido_room_latency_ms", Kind::Histogram(MILLISECONDS),
        "Round-trip time that peers report by `mode`, in milliseconds.";
    ROOM_PACKET_LOSS_PCT = "latido_room_packet_loss_pct", Kind::Histogram(PERCENT),
        "Packet loss that peers report by `mode`, in percent.";
    BUILD_INFO = "latido_build_info", Kind::Gauge,
        "1, with the running `version`.";
    UPTIME_SECONDS = "latido_uptime_seconds", Kind::Gauge,
        "Time since the process began to serve by `version`.";
}
