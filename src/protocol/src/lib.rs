//! Engine.IO v4, Socket.IO v5 and WebSocket framing, without IO.
