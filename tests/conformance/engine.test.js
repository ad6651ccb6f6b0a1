// Engine.IO protocol, revision 4: the public suite's cases and the refusals around them.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  BASE, MAX_PAYLOAD, PING_INTERVAL, PING_TIMEOUT, SEPARATOR, Socket, WS_BASE, elapse,
} from "./wire.js";

const POLLING = `${BASE}/engine.io/?EIO=4&transport=polling`;
const WEBSOCKET = `${WS_BASE}/engine.io/?EIO=4&transport=websocket`;
const withSid = (url, sid) => `${url}&sid=${sid}`;

const open = async () => JSON.parse((await (await fetch(POLLING)).text()).slice(1));
const poll = (sid) => fetch(withSid(POLLING, sid));
const push = (sid, body) => fetch(withSid(POLLING, sid), { method: "POST", body });

/** The packets of the next non-ping poll. */
async function pollMessages(sid) {
  for (;;) {
    const packets = (await (await poll(sid)).text()).split(SEPARATOR);
    const messages = packets.filter((packet) => packet !== "2");
    if (messages.length > 0) return messages;
    await push(sid, "3");
  }
}

async function openSocket(url = WEBSOCKET) {
  const socket = new Socket(url);
  socket.handshake = JSON.parse((await socket.next()).slice(1));
  return socket;
}

async function upgraded() {
  const { sid } = await open();
  const socket = new Socket(withSid(WEBSOCKET, sid));
  await socket.opened();
  socket.send("2probe");
  assert.equal(await socket.next(), "3probe");
  socket.send("5");
  return { sid, socket };
}

function checkHandshake(value, upgrades) {
  assert.deepEqual(
    Object.keys(value).sort(),
    ["maxPayload", "pingInterval", "pingTimeout", "sid", "upgrades"],
  );
  assert.equal(typeof value.sid, "string");
  assert.deepEqual(value.upgrades, upgrades);
  assert.equal(value.pingInterval, PING_INTERVAL);
  assert.equal(value.pingTimeout, PING_TIMEOUT);
  assert.equal(value.maxPayload, MAX_PAYLOAD);
}

/** Resolves when the WebSocket is refused or closed without a handshake. */
async function refused(url) {
  const socket = new Socket(url);
  await socket.closed;
  assert.deepEqual(socket.frames, []);
}

describe("Engine.IO handshake", () => {
  test("polling opens a session that may be upgraded", async () => {
    const response = await fetch(POLLING);
    assert.equal(response.status, 200);
    const text = await response.text();
    assert.equal(text[0], "0");
    checkHandshake(JSON.parse(text.slice(1)), ["websocket"]);
  });

  test("polling text says it is UTF-8", async () => {
    assert.match((await fetch(POLLING)).headers.get("content-type"), /^text\/plain; charset=utf-8$/i);
  });

  test("polling with another EIO is refused with code 5", async () => {
    for (const query of ["transport=polling", "EIO=abc&transport=polling", "EIO=3&transport=polling"]) {
      const response = await fetch(`${BASE}/engine.io/?${query}`);
      assert.equal(response.status, 400, query);
      assert.deepEqual(await response.json(), { code: 5, message: "Unsupported protocol version" });
    }
  });

  test("an unknown transport is refused with code 0", async () => {
    for (const query of ["EIO=4", "EIO=4&transport=abc"]) {
      const response = await fetch(`${BASE}/engine.io/?${query}`);
      assert.equal(response.status, 400, query);
      assert.equal((await response.json()).code, 0);
    }
  });

  test("a session cannot be opened with POST or PUT", async () => {
    for (const method of ["POST", "PUT"]) {
      const response = await fetch(POLLING, { method });
      assert.equal(response.status, 400, method);
      assert.equal((await response.json()).code, 2, method);
    }
  });

  test("an unknown sid is refused with code 1", async () => {
    for (const answer of [await poll("unknown"), await push("unknown", "4hi")]) {
      assert.equal(answer.status, 400);
      assert.equal((await answer.json()).code, 1);
    }
  });

  test("WebSocket opens a session with nothing left to upgrade to", async () => {
    const socket = await openSocket();
    checkHandshake(socket.handshake, []);
    socket.close();
  });

  test("WebSocket with another EIO is refused", async () => {
    await refused(`${WS_BASE}/engine.io/?transport=websocket`);
    await refused(`${WS_BASE}/engine.io/?EIO=abc&transport=websocket`);
  });

  test("WebSocket with an unknown transport is refused", async () => {
    await refused(`${WS_BASE}/engine.io/?EIO=4`);
    await refused(`${WS_BASE}/engine.io/?EIO=4&transport=abc`);
  });

  test("WebSocket with an unknown sid is refused", async () => {
    await refused(withSid(WEBSOCKET, "unknown"));
  });
});

describe("Engine.IO messages", () => {
  test("polling carries one text packet", async () => {
    const { sid } = await open();
    const pushed = await push(sid, "4hello");
    assert.equal(pushed.status, 200);
    assert.equal(await pushed.text(), "ok");
    assert.deepEqual(await pollMessages(sid), ["4hello"]);
  });

  test("polling carries several text packets in order", async () => {
    const { sid } = await open();
    await push(sid, ["4test1", "4test2", "4test3"].join(SEPARATOR));
    assert.deepEqual(await pollMessages(sid), ["4test1", "4test2", "4test3"]);
  });

  test("polling carries text and binary packets together", async () => {
    const { sid } = await open();
    await push(sid, ["4hello", "bAQIDBA=="].join(SEPARATOR));
    assert.deepEqual(await pollMessages(sid), ["4hello", "bAQIDBA=="]);
  });

  test("polling carries every code point", async () => {
    const { sid } = await open();
    await push(sid, "4ñandú €𝄞 \u2028");
    assert.deepEqual(await pollMessages(sid), ["4ñandú €𝄞 \u2028"]);
  });

  test("an invalid polling body closes the session", async () => {
    const { sid } = await open();
    // The reference server says 200 before it looks; refusing at once is as good.
    assert.ok([200, 400].includes((await push(sid, "abc")).status));
    assert.equal((await poll(sid)).status, 400);
  });

  test("a second poll closes the session", async () => {
    const { sid } = await open();
    const first = poll(sid);
    await elapse(5);
    const second = await poll(sid);
    assert.equal(second.status, 400);
    assert.equal(await (await first).text(), "1");
    assert.equal((await poll(sid)).status, 400);
  });

  test("a body over the limit is refused", async () => {
    const { sid } = await open();
    const answer = await push(sid, "4" + "x".repeat(MAX_PAYLOAD)).catch(() => null);
    if (answer) assert.equal(answer.status, 413);
  });

  test("WebSocket carries text", async () => {
    const socket = await openSocket();
    socket.send("4hello");
    assert.equal(await socket.nextPacket(), "4hello");
    socket.close();
  });

  test("WebSocket carries binary", async () => {
    const socket = await openSocket();
    socket.send(Buffer.from([1, 2, 3, 4]));
    assert.deepEqual(await socket.nextPacket(), Buffer.from([1, 2, 3, 4]));
    socket.close();
  });

  test("an invalid packet closes the WebSocket", async () => {
    const socket = await openSocket();
    socket.send("abc");
    await socket.closed;
  });

  test("a message over the limit closes the WebSocket", async () => {
    const socket = await openSocket();
    socket.send("4" + "x".repeat(MAX_PAYLOAD));
    await socket.closed;
  });
});

describe("Engine.IO heartbeat", () => {
  test("polling is pinged and stays open while it answers", async () => {
    const { sid } = await open();
    for (let i = 0; i < 3; i++) {
      const answer = await poll(sid);
      assert.equal(await answer.text(), "2");
      assert.equal((await push(sid, "3")).status, 200);
    }
  });

  test("polling that never answers is closed", async () => {
    const { sid } = await open();
    await elapse(PING_INTERVAL + PING_TIMEOUT + 50);
    assert.equal((await poll(sid)).status, 400);
  });

  test("WebSocket is pinged and stays open while it answers", async () => {
    const socket = await openSocket();
    for (let i = 0; i < 3; i++) {
      assert.equal(await socket.next(), "2");
      socket.send("3");
    }
    socket.close();
  });

  test("a WebSocket that never answers is closed in time", async () => {
    const socket = await openSocket();
    const began = Date.now();
    await socket.closed;
    const took = Date.now() - began;
    assert.ok(took >= PING_INTERVAL + PING_TIMEOUT - 50, `after ${took} ms`);
    assert.ok(took <= PING_INTERVAL + PING_TIMEOUT + 1000, `after ${took} ms`);
  });
});

describe("Engine.IO close", () => {
  test("a close packet ends the pending poll and the session", async () => {
    const { sid } = await open();
    const pending = poll(sid);
    await elapse(5);
    await push(sid, "1");
    const answer = await pending;
    assert.equal(answer.status, 200);
    assert.equal(await answer.text(), "6");
    assert.equal((await poll(sid)).status, 400);
  });

  test("a close packet ends the WebSocket", async () => {
    const socket = await openSocket();
    socket.send("1");
    await socket.closed;
  });
});

describe("Engine.IO upgrade", () => {
  test("a polling session moves to WebSocket", async () => {
    const { sid } = await open();
    const socket = new Socket(withSid(WEBSOCKET, sid));
    await socket.opened();
    socket.send("2probe");
    assert.equal(await socket.next(), "3probe");
    const pending = await poll(sid);
    assert.equal(pending.status, 200);
    assert.equal(await pending.text(), "6");
    socket.send("5");
    socket.send("4hello");
    assert.equal(await socket.nextPacket(), "4hello");
    socket.close();
  });

  test("a poll that is pending when the probe comes ends with a noop", async () => {
    const { sid } = await open();
    const pending = poll(sid);
    const socket = new Socket(withSid(WEBSOCKET, sid));
    await socket.opened();
    socket.send("2probe");
    assert.equal(await socket.next(), "3probe");
    assert.equal(await (await pending).text(), "6");
    socket.send("5");
    socket.send("4after");
    assert.equal(await socket.nextPacket(), "4after");
    socket.close();
  });

  test("polling with the sid is refused after the upgrade", async () => {
    const { sid, socket } = await upgraded();
    socket.send("4settled");
    assert.equal(await socket.nextPacket(), "4settled");
    assert.equal((await poll(sid)).status, 400);
    socket.send("4hello");
    assert.equal(await socket.nextPacket(), "4hello");
    socket.close();
  });

  test("another WebSocket with the sid is refused after the upgrade", async () => {
    const { sid, socket } = await upgraded();
    socket.send("4settled");
    assert.equal(await socket.nextPacket(), "4settled");
    const second = new Socket(withSid(WEBSOCKET, sid));
    await second.closed;
    socket.send("4hello");
    assert.equal(await socket.nextPacket(), "4hello");
    socket.close();
  });

  test("a probe socket that disappears leaves polling working", async () => {
    const { sid } = await open();
    const socket = new Socket(withSid(WEBSOCKET, sid));
    await socket.opened();
    socket.send("2probe");
    assert.equal(await socket.next(), "3probe");
    socket.close();
    await socket.closed;
    await push(sid, "4still here");
    let seen = await pollMessages(sid);
    if (seen[0] === "6") seen = await pollMessages(sid);
    assert.deepEqual(seen, ["4still here"]);
  });

  test("packets sent around the upgrade arrive once and in order", async () => {
    const { sid } = await open();
    await push(sid, "4a");
    const socket = new Socket(withSid(WEBSOCKET, sid));
    await socket.opened();
    socket.send("2probe");
    const received = [];
    assert.equal(await socket.next(), "3probe");
    for (let done = false; !done; ) {
      const packets = (await (await poll(sid)).text()).split(SEPARATOR);
      received.push(...packets.filter((packet) => packet.startsWith("4")));
      done = packets.includes("6") || received.length > 0;
    }
    await push(sid, "4b");
    socket.send("5");
    socket.send("4c");
    while (received.length < 3) {
      const packet = await socket.nextPacket();
      if (packet.startsWith("4")) received.push(packet);
    }
    assert.deepEqual(received, ["4a", "4b", "4c"]);
    socket.close();
  });
});
