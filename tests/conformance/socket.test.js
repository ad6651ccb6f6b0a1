// Socket.IO protocol, revision 5: the public suite's cases and the crafted packets around them.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BASE, SEPARATOR, Socket, WS_BASE } from "./wire.js";

const WEBSOCKET = `${WS_BASE}/socket.io/?EIO=4&transport=websocket`;
const POLLING = `${BASE}/socket.io/?EIO=4&transport=polling`;

async function openSocket() {
  const socket = new Socket(WEBSOCKET);
  assert.equal((await socket.next())[0], "0");
  return socket;
}

/** A socket admitted to `/`, its first frames taken. */
async function connected() {
  const socket = await openSocket();
  socket.send("40");
  assert.match(await socket.nextPacket(), /^40\{/);
  assert.equal(await socket.nextPacket(), '42["auth",{}]');
  return socket;
}

async function checkConnect(packet, prefix, auth) {
  const socket = await openSocket();
  socket.send(packet);
  const answer = await socket.nextPacket();
  assert.ok(answer.startsWith(`40${prefix}`), answer);
  const handshake = JSON.parse(answer.slice(2 + prefix.length));
  assert.equal(typeof handshake.sid, "string");
  assert.equal(await socket.nextPacket(), `42${prefix}["auth",${auth}]`);
  socket.close();
}

async function checkClosedBy(frames) {
  const socket = await connected();
  for (const frame of frames) socket.send(frame);
  await socket.closed;
}

describe("Socket.IO connect", () => {
  test("the main namespace admits", () => checkConnect("40", "", "{}"));
  test("the main namespace admits with a payload", () =>
    checkConnect('40{"token":"123"}', "", '{"token":"123"}'));
  test("another namespace admits", () => checkConnect("40/custom,", "/custom,", "{}"));
  test("another namespace admits with a payload", () =>
    checkConnect('40/custom,{"token":"abc"}', "/custom,", '{"token":"abc"}'));

  test("an unknown namespace is refused and the socket stays usable", async () => {
    const socket = await openSocket();
    socket.send("40/random");
    assert.equal(await socket.nextPacket(), '44/random,{"message":"Invalid namespace"}');
    socket.send("40");
    assert.match(await socket.nextPacket(), /^40\{/);
    socket.close();
  });

  test("an invalid handshake closes", async () => {
    const socket = await openSocket();
    socket.send("4abc");
    await socket.closed;
  });

  test("an event before connecting closes", async () => {
    const socket = await openSocket();
    socket.send('42["message",1]');
    await socket.closed;
  });
});

describe("Socket.IO disconnect", () => {
  test("leaving the only namespace keeps or closes the transport, but delivers nothing", async () => {
    const socket = await connected();
    socket.send("41");
    socket.send('42["message","late"]');
    const seen = await Promise.race([socket.closed.then(() => "closed"), socket.nextPacket()]).catch(
      () => "closed",
    );
    assert.equal(seen, "closed");
  });

  test("leaving one namespace leaves the other connected", async () => {
    const socket = await connected();
    socket.send("40/custom");
    assert.match(await socket.nextPacket(), /^40\/custom,/);
    assert.equal(await socket.nextPacket(), '42/custom,["auth",{}]');
    socket.send("41/custom");
    socket.send('42["message","message to main namespace"]');
    assert.equal(await socket.nextPacket(), '42["message-back","message to main namespace"]');
    socket.close();
  });
});

describe("Socket.IO messages", () => {
  test("a plain packet", async () => {
    const socket = await connected();
    socket.send('42["message",1,"2",{"3":[true]}]');
    assert.equal(await socket.nextPacket(), '42["message-back",1,"2",{"3":[true]}]');
    socket.close();
  });

  test("a packet with binary attachments", async () => {
    const socket = await connected();
    socket.send('452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
    socket.send(Buffer.from([1, 2, 3]));
    socket.send(Buffer.from([4, 5, 6]));
    assert.equal(
      await socket.nextPacket(),
      '452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
    );
    assert.deepEqual(await socket.nextPacket(), Buffer.from([1, 2, 3]));
    assert.deepEqual(await socket.nextPacket(), Buffer.from([4, 5, 6]));
    socket.close();
  });

  test("a plain packet with an ack", async () => {
    const socket = await connected();
    socket.send('42456["message-with-ack",1,"2",{"3":[false]}]');
    assert.equal(await socket.nextPacket(), '43456[1,"2",{"3":[false]}]');
    socket.close();
  });

  test("a packet with binary attachments and an ack", async () => {
    const socket = await connected();
    socket.send(
      '452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
    );
    socket.send(Buffer.from([1, 2, 3]));
    socket.send(Buffer.from([4, 5, 6]));
    assert.equal(
      await socket.nextPacket(),
      '462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
    );
    assert.deepEqual(await socket.nextPacket(), Buffer.from([1, 2, 3]));
    assert.deepEqual(await socket.nextPacket(), Buffer.from([4, 5, 6]));
    socket.close();
  });

  test("binary attachments over polling", async () => {
    const handshake = JSON.parse((await (await fetch(POLLING)).text()).slice(1));
    const url = `${POLLING}&sid=${handshake.sid}`;
    const packets = [
      "40", '451-["message",{"_placeholder":true,"num":0}]', "bAQID",
    ];
    for (const body of [packets[0], packets.slice(1).join(SEPARATOR)]) {
      assert.equal((await fetch(url, { method: "POST", body })).status, 200);
    }
    const received = [];
    while (received.length < 4) {
      const answer = await fetch(url);
      assert.equal(answer.status, 200);
      const batch = (await answer.text()).split(SEPARATOR);
      if (batch.includes("2")) await fetch(url, { method: "POST", body: "3" });
      received.push(...batch.filter((packet) => packet !== "2"));
    }
    assert.match(received[0], /^40\{/);
    assert.equal(received[1], '42["auth",{}]');
    assert.equal(received[2], '451-["message-back",{"_placeholder":true,"num":0}]');
    assert.equal(received[3], "bAQID");
  });
});

describe("Socket.IO crafted packets close only their own socket", () => {
  for (const [name, frames] of Object.entries({
    "an unknown packet type": ["4abc"],
    "an event that is not an array": ["42{}"],
    "an empty event": ["42[]"],
    "an event without a name": ["42[{}]"],
    "an ack id that is no number": ['42abc["message-with-ack",1]'],
    "JSON that ends early": ['42["message",'],
    "a connect payload that is not an object": ["40/custom,[]"],
    "a namespace without its comma": ['42/custom["message"]'],
    "too many attachments": ['4511-["message"]'],
    "a huge attachment count": ['45999999999999999999-["message"]'],
    "an attachment count that is no number": ['45x-["message"]'],
    "a placeholder out of range": [
      '451-["message",{"_placeholder":true,"num":7}]', Buffer.from([1]),
    ],
    "a negative placeholder": [
      '451-["message",{"_placeholder":true,"num":-1}]', Buffer.from([1]),
    ],
    "a placeholder named by text": [
      '451-["message",{"_placeholder":true,"num":"splice"}]', Buffer.from([1]),
    ],
    "text where an attachment is due": [
      '451-["message",{"_placeholder":true,"num":0}]', '42["message",1]',
    ],
    "binary that nobody announced": [Buffer.from([1])],
    "an event named like a reserved one": ['42["connect"]'],
    // The reference server itself overflows its stack here.
    "JSON nested too deep": ['42["message",' + "[".repeat(5000) + "]".repeat(5000) + "]"],
  })) {
    test(name, async () => {
      const witness = await connected();
      await checkClosedBy(frames);
      witness.send('42["message","alive"]');
      assert.equal(await witness.nextPacket(), '42["message-back","alive"]');
      witness.close();
    });
  }
});
