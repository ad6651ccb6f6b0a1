// A visit as small as one can be: signaling by the stock client, media by perfect negotiation or over a media
// server.

import { ServerCall } from "./server.js";

const { hub } = await (await fetch("/portal.json")).json();
const at = (id) => document.getElementById(id);
const SIGNALS = ["offer", "answer", "ice-candidate"];

/** The media that goes to one other peer and comes from there. */
class Call {
  constructor({ peerId, polite }, { iceServers, media, send }) {
    this.send = (event, content) => send(event, { to: peerId, ...content });
    // Of two offers that meet, that of the impolite one stands.
    this.isPolite = !polite;
    this.isOffering = false;
    this.isDeaf = false;
    this.connection = new RTCPeerConnection({ iceServers });
    this.connection.ontrack = ({ streams }) => (at("other").srcObject = streams[0]);
    this.connection.onicecandidate = ({ candidate }) => this.send("ice-candidate", { candidate });
    this.connection.onnegotiationneeded = () => this.offer();
    for (const track of media.getTracks()) this.connection.addTrack(track, media);
  }

  async offer() {
    this.isOffering = true;
    try {
      await this.connection.setLocalDescription();
      this.send("offer", { sdp: this.connection.localDescription });
    } finally {
      this.isOffering = false;
    }
  }

  async describe(sdp) {
    const isBusy = this.isOffering || this.connection.signalingState !== "stable";
    this.isDeaf = sdp.type === "offer" && isBusy && !this.isPolite;
    if (this.isDeaf) return;
    await this.connection.setRemoteDescription(sdp);
    if (sdp.type === "offer") {
      await this.connection.setLocalDescription();
      this.send("answer", { sdp: this.connection.localDescription });
    }
  }

  async reach(candidate) {
    try {
      await this.connection.addIceCandidate(candidate);
    } catch (error) {
      // A candidate of an offer that was passed over belongs to nothing.
      if (!this.isDeaf) throw error;
    }
  }
}

/** A seat in a room, kept through lost connections. */
class Visit {
  constructor(token, room, media) {
    Object.assign(this, { room, media, peers: new Map(), calls: new Map() });
    this.socket = io(`${hub}/signaling`, {
      auth: { token }, reconnectionDelay: 100, reconnectionDelayMax: 200,
    });
    this.socket.on("connected", () => this.enter());
    this.socket.on("disconnect", () => (at("state").value = "cut off"));
    this.socket.onAny((event) => {
      if (!SIGNALS.includes(event)) at("heard").value += `${event} `;
    });
    this.socket.on("peer-joined", ({ peer }) => this.peers.set(peer.peerId, peer));
    this.socket.on("peer-left", ({ peerId }) => this.part(peerId));
    this.socket.on("room-state", ({ participants }) => this.meet(participants));
    this.socket.on("offer", ({ from, sdp }) => this.with(from).describe(sdp));
    this.socket.on("answer", ({ from, sdp }) => this.with(from).describe(sdp));
    this.socket.on("ice-candidate", ({ from, candidate }) => this.with(from).reach(candidate));
    this.socket.on("hand-over", (told) => this.move(told));
    this.socket.on("chat", ({ role, text }) => (at("said").value += `${role}: ${text}. `));
  }

  async enter() {
    const joined = await this.ask("join", { media: { audio: true, video: true } });
    this.iceServers = joined.iceServers;
    at("peer").value = joined.peerId;
    this.meet(joined.participants);
    // The newcomer offers; who only comes back has a call already.
    if (!this.server) for (const { peerId } of joined.participants) this.with(peerId);
    at("state").value = "inside";
  }

  /** Goes where the hub sends everybody. */
  async move({ mode, sfu }) {
    for (const peerId of [...this.calls.keys()]) this.hangUp(peerId);
    await this.server?.close();
    this.sfu = sfu;
    this.server = sfu && this.come();
    // Of the two the one who came last offers, as at the beginning.
    const offers = ([, { polite }]) => polite;
    if (mode === "p2p") for (const [peerId] of [...this.peers].filter(offers)) this.with(peerId);
  }

  /** Comes to the server by the token that is there, good or not. */
  come() {
    return new ServerCall(this.sfu, this.media, {
      show: (stream) => (at("other").srcObject = stream),
      tell: (text) => (at("heard").value += `${text}. `),
    });
  }

  /** Goes by what the hub says of who is there. */
  meet(participants) {
    const others = participants.filter(({ peerId }) => peerId !== at("peer").value);
    this.peers = new Map(others.map((peer) => [peer.peerId, peer]));
    for (const peerId of this.calls.keys()) if (!this.peers.has(peerId)) this.part(peerId);
  }

  part(peerId) {
    this.peers.delete(peerId);
    this.hangUp(peerId);
  }

  hangUp(peerId) {
    this.calls.get(peerId)?.connection.close();
    this.calls.delete(peerId);
  }

  /** The call with a peer, begun if there is none. */
  with(peerId) {
    if (!this.calls.has(peerId)) {
      const { iceServers, media } = this;
      const send = (event, content) => this.ask(event, content);
      this.calls.set(peerId, new Call(this.peers.get(peerId), { iceServers, media, send }));
    }
    return this.calls.get(peerId);
  }

  async ask(event, content) {
    const ack = await this.socket.emitWithAck(event, { roomId: this.room, ...content });
    if (!ack.ok) throw new Error(`${event}: ${ack.error.message}`);
    return ack;
  }

  /** Shows how the media of the call goes. */
  async watch() {
    for (const { connection } of this.calls.values()) {
      const stats = [...(await connection.getStats()).values()];
      this.show((kind) => stats.find((it) => it.type === "inbound-rtp" && it.kind === kind));
      const name = (description) => description?.sdp.match(/a=ice-ufrag:(\S+)/)?.[1];
      const { currentLocalDescription, currentRemoteDescription } = connection;
      at("path").value = `${name(currentLocalDescription)} ${name(currentRemoteDescription)}`;
      at("media").value = connection.connectionState;
    }
    if (this.server) {
      this.show(await this.server.inbound());
      at("media").value = this.server.state;
    }
  }

  show(inbound) {
    at("bytes").value = inbound("video")?.bytesReceived ?? 0;
    at("frames").value = inbound("video")?.framesDecoded ?? 0;
    at("sound").value = inbound("audio")?.bytesReceived ?? 0;
  }
}

at("enter").onsubmit = async (event) => {
  event.preventDefault();
  const { username, password, room } = Object.fromEntries(new FormData(event.target));
  const answer = await fetch(`${hub}/auth/login`, {
    method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ username, password }),
  });
  const media = await navigator.mediaDevices.getUserMedia({
    audio: true, video: { width: 320, height: 240, frameRate: 15 },
  });
  at("own").srcObject = media;
  const visit = new Visit((await answer.json()).access_token, room, media);
  setInterval(() => visit.watch(), 100);
  at("new-path").onclick = () => visit.calls.forEach(({ connection }) => connection.restartIce());
  for (const mode of ["sfu", "p2p"]) at(mode).onclick = () => visit.ask("hand-over", { mode });
  const other = () => [...visit.peers.keys()][0];
  at("mute").onclick = () => visit.ask("mute", { kind: "audio", muted: true, target: other() });
  at("kick").onclick = () => visit.ask("kick", { peerId: other() });
  at("again").onclick = () => (visit.server = visit.come());
  at("say").onsubmit = (event) => {
    event.preventDefault();
    const { text } = Object.fromEntries(new FormData(event.target));
    visit.ask("chat", { text, clientMsgId: crypto.randomUUID() });
  };
};
