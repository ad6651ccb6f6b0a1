//! A Socket.IO client over WebSocket, one namespace per connection.

use std::collections::VecDeque;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::websocket::{Heard, WebSocket};

pub(crate) const EVENTS: &str = "/events";
pub(crate) const PATH: &str = "/socket.io/?EIO=4&transport=websocket";

/// One event of the server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: Value,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The server said good-bye to the namespace.
    Disconnected,
    /// The transport closed without a word.
    Closed,
}

pub(crate) struct SocketIo {
    socket: WebSocket,
    namespace: String,
    /// Events that came while something else was awaited.
    events: VecDeque<Event>,
    asked: u64,
    /// The payload of the CONNECT answer.
    pub(crate) accepted: Value,
    pub(crate) end: Option<End>,
}

enum Packet {
    Connect(Value),
    Refused(Value),
    Event(Event),
    Ack(u64, Value),
    /// An ack that so many binary messages belong to.
    BinaryAck(u64, Value, usize),
    End(End),
}

impl SocketIo {
    /// Joins a namespace; the refusal is the payload of `CONNECT_ERROR`.
    pub(crate) async fn join(
        address: SocketAddr,
        namespace: &str,
        auth: &Value,
        headers: &[(&str, &str)],
    ) -> Result<Self, Value> {
        Self::join_over(WebSocket::open(address, PATH, headers).await, namespace, auth).await
    }

    /// Over a transport that is open already.
    pub(crate) async fn join_over(
        socket: WebSocket,
        namespace: &str,
        auth: &Value,
    ) -> Result<Self, Value> {
        let mut client = Self {
            socket,
            namespace: namespace.to_owned(),
            events: VecDeque::new(),
            asked: 0,
            accepted: Value::Null,
            end: None,
        };
        assert!(matches!(client.socket.next().await, Heard::Text(open) if open.starts_with('0')));
        let auth = if auth.is_null() { String::new() } else { auth.to_string() };
        client.socket.send(&format!("40{}{auth}", client.prefix())).await;
        match client.packet().await {
            Packet::Connect(accepted) => Ok(Self { accepted, ..client }),
            Packet::Refused(reason) => Err(reason),
            _ => panic!("neither let in nor refused"),
        }
    }

    fn prefix(&self) -> String {
        if self.namespace == "/" { String::new() } else { format!("{},", self.namespace) }
    }

    pub(crate) async fn emit(&mut self, event: &str, data: &Value) {
        let packet = self.event("", event, data);
        self.socket.send(&packet).await;
    }

    /// Emits with a callback and answers what the callback got.
    pub(crate) async fn ask(&mut self, event: &str, data: &Value) -> Value {
        self.asked += 1;
        let packet = self.event(&self.asked.to_string(), event, data);
        self.socket.send(&packet).await;
        loop {
            match self.packet().await {
                Packet::Ack(id, answer) if id == self.asked => return answer,
                Packet::Event(event) => self.events.push_back(event),
                Packet::End(end) => panic!("{event} was answered by {end:?}"),
                _ => {}
            }
        }
    }

    /// Asks with bytes beside the message, and answers with those beside the ack.
    pub(crate) async fn ask_with(
        &mut self,
        event: &str,
        data: &Value,
        attachments: &[&[u8]],
    ) -> (Value, Vec<Vec<u8>>) {
        self.asked += 1;
        let packet = format!(
            "45{}-{}{}{}",
            attachments.len(),
            self.prefix(),
            self.asked,
            json!([event, data])
        );
        self.socket.send(&packet).await;
        for attachment in attachments {
            self.socket.send_binary(attachment).await;
        }
        loop {
            match self.packet().await {
                Packet::Ack(id, answer) if id == self.asked => return (answer, Vec::new()),
                Packet::BinaryAck(id, answer, count) if id == self.asked => {
                    let mut attachments = Vec::new();
                    while attachments.len() < count {
                        match self.socket.next().await {
                            Heard::Binary(bytes) => attachments.push(bytes),
                            other => panic!("{other:?} instead of an attachment"),
                        }
                    }
                    return (answer, attachments);
                }
                Packet::Event(event) => self.events.push_back(event),
                Packet::End(end) => panic!("{event} was answered by {end:?}"),
                _ => {}
            }
        }
    }

    /// Sends an event as it is, also when it is not one.
    pub(crate) async fn send_raw(&mut self, packet: &str) -> bool {
        self.socket.try_send(packet).await
    }

    fn event(&self, id: &str, event: &str, data: &Value) -> String {
        let args = if data.is_null() { json!([event]) } else { json!([event, data]) };
        format!("42{}{id}{args}", self.prefix())
    }

    /// The next event of that name; others wait.
    pub(crate) async fn next(&mut self, name: &str) -> Value {
        if let Some(at) = self.events.iter().position(|event| event.name == name) {
            return self.events.remove(at).unwrap().data;
        }
        loop {
            match self.packet().await {
                Packet::Event(event) if event.name == name => return event.data,
                Packet::Event(event) => self.events.push_back(event),
                Packet::End(end) => panic!("{end:?} instead of {name}"),
                _ => {}
            }
        }
    }

    /// Everything of that name up to the next `system:message` with `marker`, in order.
    pub(crate) async fn until(&mut self, marker: &str, name: &str) -> Vec<Value> {
        let mut found = Vec::new();
        let mut waiting: VecDeque<_> = std::mem::take(&mut self.events);
        loop {
            let event = match waiting.pop_front() {
                Some(event) => event,
                None => match self.packet().await {
                    Packet::Event(event) => event,
                    Packet::End(end) => panic!("{end:?} instead of the marker {marker}"),
                    _ => continue,
                },
            };
            if event.name == "system:message" && event.data["message"] == marker {
                self.events = waiting;
                return found;
            }
            if event.name == name {
                found.push(event.data);
            }
        }
    }

    /// Every event of that name that came and was not asked for yet.
    pub(crate) fn heard(&mut self, name: &str) -> Vec<Value> {
        let came = std::mem::take(&mut self.events);
        let (asked, others) = came.into_iter().partition(|event| event.name == name);
        self.events = others;
        Vec::from(asked).into_iter().map(|event: Event| event.data).collect()
    }

    /// Waits for the end, keeping the events that come before it.
    pub(crate) async fn ended(&mut self) -> End {
        loop {
            if let Some(end) = self.end {
                return end;
            }
            if let Packet::Event(event) = self.packet().await {
                self.events.push_back(event);
            }
        }
    }

    async fn packet(&mut self) -> Packet {
        loop {
            let text = match self.socket.next().await {
                Heard::Text(text) => text,
                Heard::Binary(_) => continue,
                Heard::Closed(_) => return self.over(End::Closed),
            };
            if text == "2" {
                self.socket.try_send("3").await;
                continue;
            }
            let Some(packet) = text.strip_prefix('4') else { continue };
            let (kind, rest) = packet.split_at(1);
            let (attachments, rest) = match kind {
                "6" => rest.split_once('-').unwrap(),
                _ => ("0", rest),
            };
            let rest = rest.strip_prefix(self.prefix().as_str()).unwrap_or(rest);
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (id, body) = rest.split_at(digits);
            let body = || serde_json::from_str(body).unwrap_or(Value::Null);
            return match kind {
                "0" => Packet::Connect(body()),
                "1" => self.over(End::Disconnected),
                "2" => {
                    let args: Value = body();
                    let name = args[0].as_str().unwrap().to_owned();
                    Packet::Event(Event { name, data: args[1].clone() })
                }
                "3" => Packet::Ack(id.parse().unwrap(), body()[0].clone()),
                "4" => Packet::Refused(body()),
                "6" => {
                    let count = attachments.parse().unwrap();
                    Packet::BinaryAck(id.parse().unwrap(), body()[0].clone(), count)
                }
                other => panic!("packet of type {other}"),
            };
        }
    }

    fn over(&mut self, end: End) -> Packet {
        self.end.get_or_insert(end);
        Packet::End(end)
    }
}
