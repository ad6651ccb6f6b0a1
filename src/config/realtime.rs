//! Sockets: heartbeats, sizes, compression, and how much one caller may do.

use std::time::Duration;

use super::key::{Key, Unit, section};

section! {
    /// How sockets behave.
    pub struct Realtime {
        /// Time between heartbeats.
        pub ping_interval: Duration = Key::new("WS_PING_INTERVAL_MS").unit(Unit::Milliseconds).range(1, 3_600_000).or("25000"),
        /// How long a heartbeat may stay unanswered.
        pub ping_timeout: Duration = Key::new("WS_PING_TIMEOUT_MS").unit(Unit::Milliseconds).range(1, 3_600_000).or("20000"),
        /// The largest message in bytes, and the most all attachments of one packet have together; more closes the socket.
        pub max_payload: usize = Key::new("WS_MAX_PAYLOAD").range(1, 1 << 30).or("1000000"),
        /// Accepts the token as a query parameter, where proxies may log it.
        pub query_token: bool = Key::new("WS_QUERY_TOKEN").or("false"),
        /// Offers permessage-deflate.
        pub compression: bool = Key::new("WS_COMPRESSION").or("true"),
        /// Messages from this many bytes on are compressed.
        pub compress_min_bytes: usize = Key::new("COMPRESS_MIN_BYTES").range(0, 1 << 30).or("1024"),
        /// Serves the Socket.IO client bundles.
        pub serve_client: bool = Key::new("SERVE_CLIENT").or("true"),
        /// Sockets of this node at most.
        pub max_connections: usize = Key::new("MAX_CONNECTIONS").range(1, 100_000_000).or("1000000"),
        /// Sockets of one account at most.
        pub max_connections_per_user: usize = Key::new("MAX_CONNECTIONS_PER_USER").range(1, 1_000_000).or("20"),
        /// How long an account stays online after its last socket closed.
        pub presence_grace: Duration = Key::new("PRESENCE_GRACE_MS").unit(Unit::Milliseconds).range(0, 3_600_000).or("10000"),
        /// How long a durable event may stay unseen before it is sent by push, then by e-mail.
        pub escalate_after: Duration = Key::new("ESCALATE_AFTER_MINUTES").unit(Unit::Minutes).range(1, 43_200).or("15"),
    }
}

section! {
    /// How much one caller may do.
    pub struct RateLimits {
        /// Turns every limit on or off.
        pub is_enabled: bool = Key::new("RATE_LIMIT_ENABLED").or("true"),
        /// Requests per minute of one address without credentials.
        pub anonymous_per_minute: u32 = Key::new("RATE_LIMIT_ANON_PER_MIN").range(1, 1_000_000_000).or("120"),
        /// Requests per minute of one account.
        pub user_per_minute: u32 = Key::new("RATE_LIMIT_USER_PER_MIN").range(1, 1_000_000_000).or("600"),
        /// Sign-ins and registrations per minute of one address.
        pub login_per_minute: u32 = Key::new("RATE_LIMIT_LOGIN_PER_MIN").range(1, 1_000_000_000).or("10"),
        /// Events per second of one socket; bursts may be twice as long.
        pub events_per_second: u32 = Key::new("RATE_LIMIT_WS_PER_SEC").range(1, 1_000_000_000).or("50"),
    }
}
