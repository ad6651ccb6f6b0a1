// A TURN client as small as one can be (RFC 8656): UDP, one request after the other, long-term credentials.

import { createHash, createHmac, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv4 } from "node:net";
import { within } from "./latido.js";

const ALLOCATE = 0x0003;
const CREATE_PERMISSION = 0x0008;
const CHANNEL_BIND = 0x0009;

const USERNAME = 0x0006;
const MESSAGE_INTEGRITY = 0x0008;
const ERROR_CODE = 0x0009;
const CHANNEL_NUMBER = 0x000c;
const XOR_PEER_ADDRESS = 0x0012;
const REALM = 0x0014;
const NONCE = 0x0015;
const REQUESTED_ADDRESS_FAMILY = 0x0017;
const REQUESTED_TRANSPORT = 0x0019;

const COOKIE = Buffer.from("2112a442", "hex");
const HEAD = 20;
const FIRST_CHANNEL = 0x4000;
const UDP = Buffer.from([17, 0, 0, 0]);

/** What a server answered: 0 for success, else the code of the error. */
export class Turn {
  /** A client of the server at that port of this machine. */
  static async open(port, { username, credential }) {
    const turn = new Turn();
    Object.assign(turn, { username, credential, socket: createSocket("udp4"), channel: FIRST_CHANNEL });
    turn.socket.connect(port, "127.0.0.1");
    await once(turn.socket, "connect");
    return turn;
  }

  /** Asks for a relay with an address of IPv4 or of IPv6. */
  async allocate(version = 4) {
    const asked = [[REQUESTED_TRANSPORT, UDP]];
    if (version === 6) asked.push([REQUESTED_ADDRESS_FAMILY, Buffer.from([2, 0, 0, 0])]);
    const challenge = await this.request(ALLOCATE, asked);
    this.realm = challenge.get(REALM);
    this.nonce = challenge.get(NONCE);
    return code(await this.request(ALLOCATE, asked));
  }

  /** Asks to relay for a peer. */
  async permit(address) {
    return code(await this.request(CREATE_PERMISSION, [peer(address)]));
  }

  /** Asks for a channel to a peer. */
  async bind(address) {
    const channel = Buffer.alloc(4);
    channel.writeUInt16BE(this.channel++);
    return code(await this.request(CHANNEL_BIND, [[CHANNEL_NUMBER, channel], peer(address)]));
  }

  close() {
    this.socket.close();
  }

  async request(method, attributes) {
    const id = randomBytes(12);
    const known = this.nonce
      ? [[USERNAME, Buffer.from(this.username)], [REALM, this.realm], [NONCE, this.nonce]]
      : [];
    const body = [...attributes, ...known].map(([type, value]) =>
      encode(type, typeof value === "function" ? value(id) : value));
    let message = Buffer.concat([head(method, id), ...body]);
    if (this.nonce) message = this.sign(message);
    const answer = within("an answer of the relay", this.answer(id));
    this.socket.send(withLength(message));
    return answer;
  }

  sign(message) {
    const secret = createHash("md5").update(`${this.username}:${this.realm}:${this.credential}`).digest();
    const hash = createHmac("sha1", secret).update(withLength(message, HEAD + 4)).digest();
    return Buffer.concat([message, encode(MESSAGE_INTEGRITY, hash)]);
  }

  /** The attributes of the answer to a request. */
  async answer(id) {
    for (;;) {
      const [message] = await once(this.socket, "message");
      if (message.subarray(8, HEAD).equals(id)) return decode(message);
    }
  }
}

function head(method, id) {
  const start = Buffer.alloc(4);
  start.writeUInt16BE(method);
  return Buffer.concat([start, COOKIE, id]);
}

/** The message with its length, of which some may be to follow. */
function withLength(message, more = 0) {
  const whole = Buffer.from(message);
  whole.writeUInt16BE(message.length - HEAD + more, 2);
  return whole;
}

function encode(type, value) {
  const start = Buffer.alloc(4);
  start.writeUInt16BE(type);
  start.writeUInt16BE(value.length, 2);
  return Buffer.concat([start, value, Buffer.alloc(-value.length & 3)]);
}

function decode(message) {
  const attributes = new Map();
  for (let at = HEAD; at + 4 <= message.length;) {
    const [type, length] = [message.readUInt16BE(at), message.readUInt16BE(at + 2)];
    attributes.set(type, message.subarray(at + 4, at + 4 + length));
    at += 4 + length + (-length & 3);
  }
  return attributes;
}

function code(attributes) {
  const error = attributes.get(ERROR_CODE);
  return error ? error[2] * 100 + error[3] : 0;
}

/** A peer's address at some port, hidden under the cookie and the transaction's id. */
function peer(address) {
  const family = isIPv4(address) ? 1 : 2;
  const plain = Buffer.concat([Buffer.from([0x30, 0x39]), bytes(address)]);
  return [XOR_PEER_ADDRESS, (id) => {
    const [port, host] = [xor(plain.subarray(0, 2), COOKIE), xor(plain.subarray(2), Buffer.concat([COOKIE, id]))];
    return Buffer.concat([Buffer.from([0, family]), port, host]);
  }];
}

const xor = (one, other) => one.map((byte, index) => byte ^ other[index]);

function bytes(address) {
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  // A URL writes every IPv6 address in hexadecimal.
  const [start, end] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::")
    .map((text) => text.split(":").filter(Boolean));
  const zeros = Array(8 - start.length - (end?.length ?? 0)).fill("0");
  const groups = [...start, ...zeros, ...(end ?? [])];
  return Buffer.from(groups.map((group) => group.padStart(4, "0")).join(""), "hex");
}
