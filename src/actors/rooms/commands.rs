//! What sockets of `/` and `/signaling` ask (contract §6.4, §6.13).

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::entry::no_media_server;
use super::journal::Doer;
use super::media::{MediaRequest, Sitting};
use super::quality;
use super::room::Message;
use crate::actors::ack::{Code, Refusal};
use crate::actors::command::ask;
use crate::actors::desk::Asker;
use crate::actors::hub::Hub;
use crate::actors::socket::Socket;
use crate::auth;
use crate::domain::consultations::status::Move;
use crate::domain::consultations::steering::Deed;
use crate::domain::events::ClientEvent;
use crate::domain::events::lobby::{Admit, Checks, Deny, ReturnToLobby};
use crate::domain::events::signaling::notices::HandOverReason;
use crate::domain::events::signaling::requests::{
    ControlRecording, End, Join, Kick, Leave, RaiseHand, RecordingConsent, ReportStats,
    RequestHandOver, SendChat, SetMute, ShareScreen,
};
use crate::domain::events::values::MediaMode;
use crate::domain::id::{PeerId, RecordingId};

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
            Join::NAME => fields(&Box::pin(self.join_room(socket, ask(arg)?)).await?),
            SendChat::NAME => fields(&Box::pin(self.say(socket, ask(arg)?)).await?),
            End::NAME => Box::pin(self.end_room(socket, ask(arg)?)).await?,
            ReportStats::NAME => {
                let ReportStats { room_id, sample } = ask(arg)?;
                let by = self.party(socket, &room_id).await?;
                quality::count(by.mode, &sample);
                self.ask_media_server(socket, &by, MediaRequest::Measured(sample)).await?
            }
            RequestHandOver::NAME | ControlRecording::NAME | RecordingConsent::NAME => {
                Box::pin(self.steer_media(socket, event, arg)).await?
            }
            Kick::NAME => {
                Box::pin(self.kick(socket, ask(arg)?)).await?;
                Fields::new()
            }
            SetMute::NAME => {
                Box::pin(self.mute(socket, ask(arg)?)).await?;
                Fields::new()
            }
            Admit::NAME => {
                Box::pin(self.let_in(socket, ask(arg)?)).await?;
                Fields::new()
            }
            ReturnToLobby::NAME => {
                Box::pin(self.send_to_lobby(socket, ask(arg)?)).await?;
                Fields::new()
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
        let (id, reason) = (&sitting.consultation, sitting.seat.end_reason());
        let by = Doer { principal: socket.principal(), provenance: socket.provenance().clone() };
        self.rooms().journal().advance(id, Move::Over(reason), by).await?;
        self.rooms().cast(id, Message::End(reason));
        Ok(Fields::new())
    }

    /// Puts a peer out, and keeps it out: written first, so that nobody is quicker who comes back. A media
    /// server that fails is asked again behind the answer, which says so.
    async fn kick(&self, socket: &Socket, asked: Kick) -> Result<(), Refusal> {
        let Kick { room_id, peer_id, reason } = asked;
        let peer = PeerId::from(peer_id);
        let by = self.sitting(socket, &room_id).await?.seat;
        let met = self.meet(socket, &room_id, &peer).await?;
        let mut kept_out = Ok(());
        if by.steers() && by.peer != peer && met.seat.is_inside() {
            let identity = met.seat.pass.identity.clone();
            let asked = MediaRequest::SendAway { identity, reason: reason.clone() };
            kept_out = self.ask_media_server(socket, &met, asked).await.map(drop);
        }
        self.act(socket, &room_id, Deed::Kick { peer, reason }).await?;
        kept_out
    }

    /// Lets somebody in who waits, also where browsers have no place for one more.
    async fn let_in(&self, socket: &Socket, asked: Admit) -> Result<(), Refusal> {
        let Admit { room_id, peer_id, .. } = asked;
        let peer = PeerId::from(peer_id);
        let by = self.sitting(socket, &room_id).await?;
        if by.seat.steers() {
            self.keep_open(&by.consultation, by.mode).await?;
        }
        match self.act(socket, &room_id, Deed::Admit(peer.clone())).await {
            Err(refusal) if refusal.code == Code::RoomFull => {
                self.make_place(&by.consultation).await?;
                self.act(socket, &room_id, Deed::Admit(peer)).await
            }
            done => done,
        }
    }

    /// Sends somebody back to the lobby, and out of the media server.
    async fn send_to_lobby(&self, socket: &Socket, asked: ReturnToLobby) -> Result<(), Refusal> {
        let ReturnToLobby { room_id, peer_id, reason } = asked;
        let peer = PeerId::from(peer_id);
        let met = self.meet(socket, &room_id, &peer).await?;
        let fresh = auth::new_id("p_").into();
        self.act(socket, &room_id, Deed::ReturnToLobby(peer, fresh)).await?;
        if met.mode == MediaMode::P2p {
            return Ok(());
        }
        let identity = met.seat.pass.identity.clone();
        let asked = MediaRequest::SendAway { identity, reason };
        self.ask_media_server(socket, &met, asked).await.map(drop)
    }

    /// Mutes oneself, or another: the media server sees to that where it carries the call, before anybody is
    /// told.
    async fn mute(&self, socket: &Socket, asked: SetMute) -> Result<(), Refusal> {
        let SetMute { room_id, kind, muted, target } = asked;
        let target = target.map(PeerId::from);
        let met = match &target {
            Some(peer) => Some(self.meet(socket, &room_id, peer).await?),
            None => None,
        };
        let by = socket.id();
        let is_carried = |met: &Sitting| met.mode == MediaMode::Sfu && met.seat.is_inside();
        if let Some(met) = met.filter(|met| is_carried(met) && met.seat.socket != *by)
            && muted
            && self.sitting(socket, &room_id).await?.seat.steers()
        {
            let identity = met.seat.pass.identity.clone();
            let asked = MediaRequest::Silence { identity, kind };
            self.ask_media_server(socket, &met, asked).await?;
        }
        self.act(socket, &room_id, Deed::Mute { kind, muted, target }).await
    }

    async fn steer_media(
        &self,
        socket: &Socket,
        event: &str,
        arg: Option<&RawValue>,
    ) -> Result<Fields, Refusal> {
        let (room, asked) = match event {
            RequestHandOver::NAME => {
                let RequestHandOver { room_id, mode, .. } = ask(arg)?;
                let reason = HandOverReason::Requested;
                (room_id, MediaRequest::HandOver { to: mode, reason })
            }
            ControlRecording::NAME => {
                let ControlRecording { room_id, action, consent } = ask(arg)?;
                let consent = consent.unwrap_or_default();
                (room_id, MediaRequest::Record { action, consent })
            }
            _ => {
                let RecordingConsent { room_id, recording_id, consent } = ask(arg)?;
                let recording = recording_id.map(RecordingId);
                (room_id, MediaRequest::Consent { recording, consent })
            }
        };
        let by = self.sitting(socket, &room).await?;
        let may = match asked {
            MediaRequest::Consent { .. } => by.seat.consents(),
            _ => by.seat.steers(),
        };
        if !may {
            return Err(Refusal::new(Code::Forbidden, "this is not for your role"));
        }
        self.ask_media_server(socket, &by, asked).await
    }

    async fn ask_media_server(
        &self,
        socket: &Socket,
        sitting: &Sitting,
        asked: MediaRequest,
    ) -> Result<Fields, Refusal> {
        let server = self.rooms().media_server().ok_or_else(no_media_server)?;
        let principal = socket.principal();
        let by = Asker { principal: &principal, provenance: socket.provenance() };
        Ok(server.ask(by, sitting, asked).await?)
    }

    /// Another peer of the room the socket is in.
    async fn meet(&self, socket: &Socket, room: &str, peer: &PeerId) -> Result<Sitting, Refusal> {
        let (by, peer) = (socket.id().clone(), peer.clone());
        self.rooms().ask(room, |reply| Message::Meet { by, peer, reply }).await
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
        ShareScreen::NAME => {
            let ShareScreen { room_id, active } = ask(arg)?;
            (room_id, Deed::ShareScreen(active))
        }
        RaiseHand::NAME => {
            let RaiseHand { room_id, raised } = ask(arg)?;
            (room_id, Deed::RaiseHand(raised))
        }
        Deny::NAME => {
            let Deny { room_id, peer_id, reason } = ask(arg)?;
            (room_id, Deed::Deny { peer: peer_id.into(), reason })
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
