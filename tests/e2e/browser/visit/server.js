// The media of a call that a LiveKit server carries, by the stock client.

const { Room, RoomEvent, Track } = LivekitClient;
const SOURCES = { audio: Track.Source.Microphone, video: Track.Source.Camera };

export class ServerCall {
  /** `show` is given what comes from the others, `tell` what the server did. */
  constructor({ livekitWsUrl, token }, media, { show, tell }) {
    this.remote = new Map();
    this.room = new Room();
    this.room
      .on(RoomEvent.TrackSubscribed, (track) => {
        this.remote.set(track.kind, track);
        show(new MediaStream([...this.remote.values()].map(({ mediaStreamTrack }) => mediaStreamTrack)));
      })
      .on(RoomEvent.TrackMuted, ({ kind }, { isLocal }) => isLocal && tell(`${kind} muted by the server`))
      .on(RoomEvent.Connected, () => tell("in the server"))
      .on(RoomEvent.DataReceived, () => tell("data from the server"))
      .on(RoomEvent.Disconnected, (reason) => tell(`out of the server: ${reason}`));
    this.joined = this.join(livekitWsUrl, token, media);
  }

  async join(url, token, media) {
    await this.room.connect(url, token);
    // Of the user's own tracks, which a call between browsers goes on with.
    for (const track of media.getTracks()) {
      await this.room.localParticipant.publishTrack(track.clone(), { source: SOURCES[track.kind] });
    }
  }

  get state() {
    return this.room.state;
  }

  /** What the browser counts of the others' picture and sound. */
  async inbound() {
    const reports = [...this.remote.values()].map((track) => track.receiver.getStats());
    const stats = (await Promise.all(reports)).flatMap((report) => [...report.values()]);
    return (kind) => stats.find((it) => it.type === "inbound-rtp" && it.kind === kind);
  }

  close() {
    return this.room.disconnect();
  }
}
