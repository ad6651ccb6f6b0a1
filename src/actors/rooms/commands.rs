//! What sockets of `/` and `/signaling` ask (contract §6.4, §6.13).

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::entry::no_media_server;
use super::media::{MediaRequest, Sitting};
use super::quality;
use super::room::Message;
use crate::actors::ack::{Code, Refusal};
use crate::actors::command::ask;
use crate::actors::hub::Hub;
use crate::actors::socket::Socket;
use crate::auth;
use crate::domain::consultations::status::ConsultationStatus;
use crate::domain::consultations::steering::{Deed, steers};
use crate::domain::events::ClientEvent;
use crate::domain::events::lobby::{Admit, Checks, Deny, ReturnToLobby};
use crate::domain::events::signaling::SeatRole;
use crate::domain::events::signaling::notices::EndReason;
use crate::domain::events::signaling::requests::{
    ControlRecording, End, Join, Kick, Leave, RaiseHand, RecordingConsent, ReportStats,
    RequestHandOver, SendAnswer, SendCandidate, SendChat, SendOffer, SetMute, ShareScreen,
};
use crate::persistence::audit::AuditEntry;

/// The fields of an ack beside `ok`.
type Fields = Map<String, Value>;

impl Hub {
    /// Answers an event by its proper name. None when there is no such event in a call.
    pub(in crate::actors) async fn signal(
        &self,
        socket: &Socket,
        event: &str,
        arg: Option<&RawValue>,
    ) -> Result<Option<Value>, Refusal> {
        let mut fields = match event {
            SendOffer::NAME | SendAnswer::NAME | SendCandidate::NAME => {
                self.relay_signal(socket, event, arg).await?;
                Fields::new()
            }
            Join::NAME => fields(&Box::pin(self.join_room(socket, ask(arg)?)).await?),
            SendChat::NAME => fields(&Box::pin(self.say(socket, ask(arg)?)).await?),
            End::NAME => Box::pin(self.end_room(socket, ask(arg)?)).await?,
            ReportStats::NAME => {
                let ReportStats { room_id, sample } = ask(arg)?;
                let by = self.party(socket, &room_id).await?;
                quality::count(&by, &sample);
                Fields::new()
            }
            RequestHandOver::NAME | ControlRecording::NAME | RecordingConsent::NAME => {
                Box::pin(self.ask_media_server(socket, event, arg)).await?
            }
            _ => {
                let Some((room, deed)) = deed(event, arg)? else { return Ok(None) };
                self.act(socket, &room, deed).await?;
                Fields::new()
            }
        };
        fields.insert("ok".to_owned(), true.into());
        Ok(Some(fields.into()))
    }

    async fn act(&self, socket: &Socket, room: &str, deed: Deed) -> Result<(), Refusal> {
        let by = socket.id().clone();
        let has_left = matches!(deed, Deed::Leave);
        self.rooms().ask(room, |reply| Message::Act { by, deed, reply }).await?;
        if has_left {
            self.rooms().left(socket.id(), room);
        }
        Ok(())
    }

    /// Ends the consultation: written first, then told.
    async fn end_room(&self, socket: &Socket, asked: End) -> Result<Fields, Refusal> {
        let sitting = self.sitting(socket, &asked.room_id).await?;
        self.act(socket, &asked.room_id, Deed::End).await?;
        let (id, to) = (&sitting.consultation, ConsultationStatus::Ended);
        let by = AuditEntry::from_where(socket.provenance()).by(&socket.principal());
        self.rooms().journal().advance(id, to, by).await?;
        self.rooms().cast(id, Message::End(EndReason::Ended));
        Ok(Fields::new())
    }

    async fn ask_media_server(
        &self,
        socket: &Socket,
        event: &str,
        arg: Option<&RawValue>,
    ) -> Result<Fields, Refusal> {
        let (room, asked) = match event {
            RequestHandOver::NAME => {
                let asked: RequestHandOver = ask(arg)?;
                (asked.room_id.clone(), MediaRequest::HandOver(asked))
            }
            ControlRecording::NAME => {
                let asked: ControlRecording = ask(arg)?;
                (asked.room_id.clone(), MediaRequest::Record(asked))
            }
            _ => {
                let asked: RecordingConsent = ask(arg)?;
                (asked.room_id.clone(), MediaRequest::Consent(asked))
            }
        };
        let by = self.sitting(socket, &room).await?;
        let may = match asked {
            MediaRequest::HandOver(_) | MediaRequest::Record(_) => steers(by.seat.role),
            MediaRequest::Consent(_) => by.seat.role == SeatRole::Patient,
        };
        if !may {
            return Err(Refusal::new(Code::Forbidden, "this is not for your role"));
        }
        let server = self.media_server().ok_or_else(no_media_server)?;
        Ok(server.ask(&by, asked).await?)
    }

    /// The seat inside that the socket holds.
    async fn sitting(&self, socket: &Socket, room: &str) -> Result<Sitting, Refusal> {
        let by = socket.id().clone();
        self.rooms().ask(room, |reply| Message::Find { by, reply }).await
    }

    /// The same of somebody who takes part.
    async fn party(&self, socket: &Socket, room: &str) -> Result<Sitting, Refusal> {
        let sitting = self.sitting(socket, room).await?;
        if sitting.seat.is_party() {
            Ok(sitting)
        } else {
            Err(Refusal::new(Code::Forbidden, "observers only watch"))
        }
    }
}

/// What a peer does in which room, where an event is just that.
fn deed(event: &str, arg: Option<&RawValue>) -> Result<Option<(String, Deed)>, Refusal> {
    Ok(Some(match event {
        Leave::NAME => {
            let Leave { room_id } = ask(arg)?;
            (room_id, Deed::Leave)
        }
        SetMute::NAME => {
            let SetMute { room_id, kind, muted, target } = ask(arg)?;
            (room_id, Deed::Mute { kind, muted, target: target.map(Into::into) })
        }
        ShareScreen::NAME => {
            let ShareScreen { room_id, active } = ask(arg)?;
            (room_id, Deed::ShareScreen(active))
        }
        RaiseHand::NAME => {
            let RaiseHand { room_id, raised } = ask(arg)?;
            (room_id, Deed::RaiseHand(raised))
        }
        Kick::NAME => {
            let Kick { room_id, peer_id, reason } = ask(arg)?;
            (room_id, Deed::Kick { peer: peer_id.into(), reason })
        }
        Admit::NAME => {
            let Admit { room_id, peer_id, .. } = ask(arg)?;
            (room_id, Deed::Admit(peer_id.into()))
        }
        Deny::NAME => {
            let Deny { room_id, peer_id, reason } = ask(arg)?;
            (room_id, Deed::Deny { peer: peer_id.into(), reason })
        }
        ReturnToLobby::NAME => {
            let ReturnToLobby { room_id, peer_id, .. } = ask(arg)?;
            (room_id, Deed::ReturnToLobby(peer_id.into(), auth::new_id("p_").into()))
        }
        Checks::NAME => {
            let Checks { room_id, checks } = ask(arg)?;
            (room_id, Deed::Check(checks))
        }
        _ => return Ok(None),
    }))
}

fn fields(answer: &impl Serialize) -> Fields {
    match serde_json::to_value(answer) {
        Ok(Value::Object(fields)) => fields,
        _ => Fields::new(),
    }
}
