// A way to the node that a test can cut, and heal.

import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Cuttable {
  /** A way to that port of this machine. */
  static async to(target) {
    const way = new Cuttable();
    Object.assign(way, { target, isCut: false, ends: new Set() });
    way.server = createServer((client) => way.pass(client)).listen(0, "127.0.0.1");
    await once(way.server, "listening");
    way.port = way.server.address().port;
    return way;
  }

  pass(client) {
    if (this.isCut) {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.target, "127.0.0.1");
    for (const [end, other] of [[client, server], [server, client]]) {
      this.ends.add(end);
      // Whichever end breaks off, both close.
      end.on("error", () => {});
      end.on("close", () => {
        this.ends.delete(end);
        other.destroy();
      });
      end.pipe(other);
    }
  }

  /** Breaks every connection, and each that is tried from now on. */
  cut() {
    this.isCut = true;
    for (const end of this.ends) end.resetAndDestroy();
  }

  heal() {
    this.isCut = false;
  }

  close() {
    this.cut();
    this.server.close();
  }
}
