//! What can be wrong with a packet.

/// Why a packet was refused; each variant is one cause. The caller closes the socket that sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A packet needs at least its type character.
    #[error("empty packet")]
    EmptyPacket,
    #[error("unknown packet type")]
    UnknownType,
    /// The packet's type carries nothing after the part already read.
    #[error("unexpected data after the packet")]
    TrailingData,
    #[error("too many packets in one payload")]
    TooManyPackets,
    #[error("invalid base64")]
    Base64,
    /// `CONNECT_ERROR` goes from server to client only.
    #[error("packet type not allowed in this direction")]
    WrongDirection,
    /// The attachment count is missing, not a number, or not followed by `-`.
    #[error("invalid attachment count")]
    AttachmentCount,
    #[error("too many attachments")]
    TooManyAttachments,
    #[error("attachments too large")]
    AttachmentBytes,
    #[error("invalid namespace")]
    Namespace,
    /// The acknowledgement id does not fit 64 bits.
    #[error("invalid acknowledgement id")]
    Id,
    #[error("missing acknowledgement id")]
    MissingId,
    #[error("unexpected acknowledgement id")]
    UnexpectedId,
    #[error("missing packet data")]
    MissingData,
    #[error("packet data is not an array")]
    NotAnArray,
    #[error("packet data is not an object")]
    NotAnObject,
    /// The first item of an event is not a string.
    #[error("event without a name")]
    EventName,
    #[error("reserved event name")]
    ReservedName,
    /// A text packet arrived where an attachment was due.
    #[error("text packet between attachments")]
    TextWhileAssembling,
    #[error("attachment without a packet")]
    UnexpectedAttachment,
    /// The placeholders do not name each attachment exactly once.
    #[error("placeholders do not match the attachments")]
    Placeholders,
    #[error("invalid JSON")]
    Json,
    #[error("JSON nested too deeply")]
    JsonDepth,
    #[error("duplicate JSON key")]
    DuplicateKey,
}
