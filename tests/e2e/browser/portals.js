// Portals on hosts of their own: pages over HTTP or TLS on loopback, and a certificate for them.

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));
const file = (path) => readFileSync(folder(path));
const CLIENTS = {
  "/socket.io.min.js": file("../../node_modules/socket.io-client/dist/socket.io.min.js"),
  "/livekit-client.umd.js": file("../../node_modules/livekit-client/dist/livekit-client.umd.js"),
};

/** A certificate nobody signed, gone with `remove`. */
export function certificate() {
  const directory = mkdtempSync(join(tmpdir(), "latido-tls-"));
  const [cert, key] = ["cert.pem", "key.pem"].map((name) => join(directory, name));
  const names = "subjectAltName=DNS:*.example,DNS:*.clinic.example,IP:127.0.0.1";
  const made = spawnSync("openssl", [
    "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "2",
    "-subj", "/CN=latido tests", "-addext", names, "-keyout", key, "-out", cert,
  ], { encoding: "utf8" });
  if (made.status !== 0) throw new Error(`no certificate: ${made.stderr ?? made.error}`);
  return { cert, key, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** A portal at `host`, of the page and the scripts in the folder that `kind` names; call `serve` once the hub's address is known. */
export class Portal {
  static async open(app, host, tls, kind = "portal") {
    const portal = new Portal();
    const answer = (request, response) => portal.answer(request, response);
    portal.app = app;
    portal.page = file(`${kind}/index.html`);
    const scripts = readdirSync(folder(kind)).filter((name) => name.endsWith(".js"));
    portal.scripts = {
      ...CLIENTS, ...Object.fromEntries(scripts.map((name) => [`/${name}`, file(`${kind}/${name}`)])),
    };
    portal.server = tls
      ? createTlsServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, answer)
      : createServer(answer);
    portal.server.listen(0, "127.0.0.1");
    await once(portal.server, "listening");
    portal.origin = `${tls ? "https" : "http"}://${host}:${portal.server.address().port}`;
    return portal;
  }

  serve(hub) {
    this.hub = hub;
  }

  answer(request, response) {
    const { pathname } = new URL(request.url, this.origin);
    if (pathname === "/portal.json") {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ hub: this.hub, app: this.app }));
    } else if (this.scripts[pathname]) {
      response.setHeader("content-type", "text/javascript");
      response.end(this.scripts[pathname]);
    } else {
      response.setHeader("content-type", "text/html");
      response.end(this.page);
    }
  }

  close() {
    this.server.close();
    this.server.closeAllConnections();
  }
}
