//! Why a connection ends, in the words of every transport.

/// The reason a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Closure {
    /// The peer closed it.
    TransportClose,
    /// The network broke, or the peer broke the protocol of its transport.
    TransportError,
    /// No sign of life in time.
    PingTimeout,
    /// Nobody was let in before the deadline.
    ConnectTimeout,
    /// A message, or a packet's attachments, began and did not arrive whole in time.
    MessageTimeout,
    /// Too slow for what it must not miss.
    SlowConsumer,
    Malformed,
    TooLarge,
    Unauthenticated,
    /// Let in once, but not any more.
    Forbidden,
    SessionRevoked,
    TokenExpired,
    /// Closed by an administrator.
    Kicked,
    RateLimited,
    /// The node is full, or the user has too many sockets.
    Capacity,
    /// The node is shutting down.
    Draining,
    /// The server failed while it delivered to it; what was lost can be asked for again.
    ServerError,
}

impl Closure {
    /// The closed set of metric labels and log values.
    pub fn name(self) -> &'static str {
        match self {
            Self::TransportClose => "transport_close",
            Self::TransportError => "transport_error",
            Self::PingTimeout => "ping_timeout",
            Self::ConnectTimeout => "connect_timeout",
            Self::MessageTimeout => "message_timeout",
            Self::SlowConsumer => "slow_consumer",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::SessionRevoked => "session_revoked",
            Self::TokenExpired => "token_expired",
            Self::Kicked => "kicked",
            Self::RateLimited => "rate_limited",
            Self::Capacity => "capacity",
            Self::Draining => "draining",
            Self::ServerError => "server_error",
        }
    }

    /// The close code of the plain-JSON WebSocket (contract §6.9; RFC 6455 §7.4).
    pub fn plain_code(self) -> u16 {
        match self {
            Self::TransportClose => 1000,
            Self::TransportError => 1002,
            Self::Malformed => 4400,
            Self::Unauthenticated | Self::TokenExpired => 4401,
            Self::Forbidden | Self::Kicked => 4403,
            Self::PingTimeout
            | Self::ConnectTimeout
            | Self::MessageTimeout
            | Self::SlowConsumer => 4408,
            Self::SessionRevoked => 4409,
            Self::TooLarge => 4413,
            Self::RateLimited => 4429,
            Self::Draining => 4503,
            Self::Capacity => 1013,
            Self::ServerError => 1011,
        }
    }
}
