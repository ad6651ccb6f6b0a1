//! Files over sockets: `result:fetch` and `file:send` (contract §6.5).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::ack::{Code, Refusal};
use super::desk::{Asker, Desk, Found, Sent};
use super::fanout::Dialect;
use super::hub::Hub;
use super::socket::Socket;
use crate::domain::events::files::{Binary, FileSend, ResultFetch};
use crate::domain::id::ResultId;

/// The largest file that comes with its answer.
const MOST: usize = 5 * 1024 * 1024;

/// An answer, and the attachments it names.
pub(super) type Carried = (Value, Vec<Bytes>);

impl Hub {
    /// The file of a result: beside the answer, within it on a plain socket, or where it can be had
    /// when it is large or much is waiting for this socket already.
    pub(super) async fn fetch_result(
        &self,
        socket: &Socket,
        asked: ResultFetch,
    ) -> Result<Carried, Refusal> {
        let (desk, principal) = (self.at_desk()?, socket.principal());
        let by = Asker { principal: &principal, provenance: socket.provenance() };
        let most = match socket.dialect() {
            Dialect::SocketIo => socket.outbound().room(),
            // Base64 makes four letters of three bytes.
            Dialect::Plain => socket.outbound().room() / 4 * 3,
        };
        let id = asked.result_id;
        match desk.result_file(by, ResultId(id), most.min(MOST)).await? {
            Found::At(url) => Ok((json!({ "ok": true, "url": url }), Vec::new())),
            Found::Whole { name, media, bytes } => {
                let (data, attachments) = match socket.dialect() {
                    Dialect::SocketIo => {
                        (Binary::Attachment { placeholder: true, num: 0 }, vec![bytes])
                    }
                    Dialect::Plain => (Binary::Base64(STANDARD.encode(&bytes)), Vec::new()),
                };
                let answer = json!({
                    "ok": true, "resultId": id, "fileName": name, "contentType": media, "data": data
                });
                Ok((answer, attachments))
            }
        }
    }

    /// Keeps a file that came in one message.
    pub(super) async fn keep_file(
        &self,
        socket: &Socket,
        asked: FileSend,
        attachments: &[Bytes],
    ) -> Result<Value, Refusal> {
        let (desk, principal) = (self.at_desk()?, socket.principal());
        let by = Asker { principal: &principal, provenance: socket.provenance() };
        let bytes = bytes(asked.data, attachments).ok_or_else(|| Refusal {
            field: Some("data".into()),
            ..Refusal::invalid("data is neither an attachment nor base64")
        })?;
        let sent = Sent { name: asked.name, purpose: asked.purpose, bytes };
        let id = desk.keep_file(by, sent).await?;
        Ok(json!({ "ok": true, "fileId": id }))
    }

    fn at_desk(&self) -> Result<std::sync::Arc<dyn Desk>, Refusal> {
        self.desk().ok_or_else(|| Refusal::new(Code::Internal, "the node is starting or stopping"))
    }
}

fn bytes(data: Binary, attachments: &[Bytes]) -> Option<Bytes> {
    match data {
        Binary::Base64(text) => STANDARD.decode(text).ok().map(Bytes::from),
        Binary::Attachment { placeholder: true, num } => attachments.get(num).cloned(),
        Binary::Attachment { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_beside_the_message_or_in_base64() {
        let beside = [Bytes::from_static(b"one"), Bytes::from_static(b"two")];
        let attachment = |num| Binary::Attachment { placeholder: true, num };

        assert_eq!(bytes(attachment(1), &beside).unwrap(), "two");
        assert_eq!(bytes(attachment(2), &beside), None);
        assert_eq!(bytes(Binary::Base64("b25l".into()), &[]).unwrap(), "one");
        assert_eq!(bytes(Binary::Base64("?".into()), &[]), None);
        assert_eq!(bytes(Binary::Attachment { placeholder: false, num: 0 }, &beside), None);
    }
}
