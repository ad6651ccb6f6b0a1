// A tab that comes to a LiveKit server by a token alone, as clients do that know nothing of the hub's sockets.

export class TokenTab {
  /** Opens a tab on a page that has the stock client. */
  static async open(browser, url) {
    const tab = new TokenTab();
    tab.page = await browser.visit(url);
    return tab;
  }

  /** Joins, and is there when this is done. */
  join({ livekitWsUrl, token }) {
    return this.page.evaluate(async ([url, token]) => {
      const { Room, RoomEvent } = LivekitClient;
      const room = new Room();
      Object.assign(window, { room, heard: [] });
      room.on(RoomEvent.DataReceived, (data, participant, kind, topic) => {
        heard.push({ from: participant?.identity, topic, ...JSON.parse(new TextDecoder().decode(data)) });
      });
      await room.connect(url, token);
    }, [livekitWsUrl, token]);
  }

  leave() {
    return this.page.evaluate(() => room.disconnect());
  }

  /** What the server handed it, once there is so much. */
  async hears(count) {
    await this.page.waitForFunction((count) => heard.length >= count, count);
    return this.page.evaluate(() => heard);
  }
}
