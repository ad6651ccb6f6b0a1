// What both suites share: where the server is, and sockets that keep every frame until asked.

import { once } from "node:events";
import { WebSocket } from "ws";

export const BASE = process.env.LATIDO_CONFORMANCE_URL ?? "http://127.0.0.1:3000";
export const WS_BASE = BASE.replace(/^http/, "ws");

// As `examples/conformance.rs` sets them.
export const PING_INTERVAL = 300;
export const PING_TIMEOUT = 200;
export const MAX_PAYLOAD = 1_000_000;
export const SEPARATOR = "\x1e";

/** Resolves after `ms`; only for deadlines the protocol itself defines. */
export const elapse = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A raw WebSocket whose frames queue up in order: text as strings, binary as Buffers. */
export class Socket {
  constructor(url, options) {
    this.frames = [];
    this.waiting = [];
    this.isClosed = false;
    this.ws = new WebSocket(url, options);
    this.ws.on("message", (data, isBinary) => this.#arrive(isBinary ? data : data.toString()));
    this.ws.on("error", (error) => (this.error = error));
    this.closed = new Promise((resolve) =>
      this.ws.on("close", (code) => {
        this.isClosed = true;
        for (const { reject } of this.waiting.splice(0)) reject(new Error(`closed with ${code}`));
        resolve(code);
      }),
    );
  }

  #arrive(frame) {
    const next = this.waiting.shift();
    if (next) next.resolve(frame);
    else this.frames.push(frame);
  }

  /** The next frame, or a rejection when the socket closes first. */
  next() {
    if (this.frames.length > 0) return Promise.resolve(this.frames.shift());
    if (this.isClosed) return Promise.reject(new Error("closed"));
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  /** The next frame that is not an Engine.IO ping. */
  async nextPacket() {
    let frame = await this.next();
    while (frame === "2") frame = await this.next();
    return frame;
  }

  async opened() {
    if (this.ws.readyState !== WebSocket.OPEN) await once(this.ws, "open");
    return this;
  }

  send(data) {
    this.ws.send(data);
  }

  close() {
    this.ws.terminate();
  }
}
