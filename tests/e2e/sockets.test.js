// The stock client on every transport, with every way of bringing a token.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { io } from "socket.io-client";
import { Latido, next, within } from "./latido.js";

let latido;
let patient;
const sockets = [];

before(async () => {
  latido = await Latido.start();
  patient = await latido.patient("ana");
});

after(async () => {
  for (const socket of sockets) socket.disconnect();
  await latido?.stop();
});

/** A socket of its own connection. */
function open(options, namespace = "/events") {
  const socket = io(latido.url + namespace, { forceNew: true, reconnection: false, ...options });
  sockets.push(socket);
  return socket;
}

const auth = () => ({ token: patient.token });

describe("connecting", () => {
  for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
    test(`by ${transports.join(" then ")}`, async () => {
      const socket = open({ transports, auth: auth() });
      const connected = await next(socket, "connected");
      assert.equal(connected.userId, patient.user.id);
      assert.equal(connected.role, "Paciente");
      assert.equal(socket.connected, true);
    });
  }

  test("with default options, and ends on WebSocket", async () => {
    const socket = open({ auth: auth() });
    const greeted = next(socket, "connected");
    await next(socket.io.engine, "upgrade");
    await greeted;
    assert.equal(socket.io.engine.transport.name, "websocket");
    assert.equal((await socket.timeout(5000).emitWithAck("ping")).userId, patient.user.id);
  });

  test("by the Authorization header", async () => {
    const extraHeaders = { authorization: `Bearer ${patient.token}` };
    for (const transports of [["websocket"], ["polling"]]) {
      const connected = await next(open({ transports, extraHeaders }), "connected");
      assert.equal(connected.userId, patient.user.id);
    }
  });

  test("by the session cookie", async () => {
    const extraHeaders = { cookie: patient.cookie };
    const connected = await next(open({ transports: ["websocket"], extraHeaders }), "connected");
    assert.equal(connected.userId, patient.user.id);
  });

  test("a bad token is a connect_error with its code", async () => {
    for (const transports of [["websocket"], ["polling"]]) {
      const error = await next(open({ transports, auth: { token: "nonsense" } }), "connect_error");
      assert.equal(error.message, "unauthorized");
      assert.equal(error.data.code, "unauthenticated");
    }
  });

  test("an unknown namespace is a connect_error", async () => {
    const error = await next(open({ auth: auth() }, "/nowhere"), "connect_error");
    assert.equal(error.message, "Invalid namespace");
  });

  test("three namespaces share one connection", async () => {
    const manager = open({ auth: auth(), transports: ["websocket"] }).io;
    const others = ["/", "/signaling"].map((name) => manager.socket(name, { auth: auth() }));
    await Promise.all(others.map((socket) => next(socket, "connected")));
    assert.equal(new Set([manager, ...others.map((socket) => socket.io)]).size, 1);
  });
});

describe("packets", () => {
  test("none is lost, doubled or reordered while polling becomes WebSocket", async () => {
    for (let round = 0; round < 5; round++) {
      const socket = open({ auth: auth() });
      const received = [];
      const answered = [];
      let isUpgraded = false;
      const all = new Promise((resolve) => {
        socket.on("catalog:update", ({ entityId }) => {
          received.push(entityId);
          if (entityId === 39) resolve();
        });
      });
      await next(socket, "connected");
      socket.io.engine.once("upgrade", () => (isUpgraded = true));
      const asks = [];
      for (let i = 0; i < 40; i++) {
        asks.push(socket.emitWithAck("subscribe", { entity: "exam", entityId: i + 1 }).then((ack) => {
          answered.push(Number(ack.room.split(":")[2]));
        }));
        await latido.publishExam(i);
      }
      await within("the last event", all);
      await within("every ack", Promise.all(asks));
      const numbers = Array.from({ length: 40 }, (_, i) => i);
      assert.deepEqual(received, numbers);
      assert.deepEqual(answered, numbers.map((i) => i + 1));
      assert.equal(isUpgraded || socket.io.engine.transport.name === "websocket", true);
      socket.disconnect();
    }
  });

  test("an event of the client may come with a callback or without", async () => {
    const socket = open({ auth: auth(), transports: ["websocket"] });
    await next(socket, "connected");
    const subscribed = next(socket, "subscribed");
    socket.emit("subscribe", { entity: "exam" });
    assert.deepEqual(await subscribed, { entity: "exam", room: "entity:exam" });
    assert.deepEqual(await socket.emitWithAck("subscribe", { entity: "price" }), {
      ok: true, room: "entity:price",
    });
    const refused = await socket.emitWithAck("dance", {});
    assert.equal(refused.ok, false);
    assert.equal(refused.error.code, "invalid");
  });

  test("binary in an unknown event is refused and the socket lives on", async () => {
    const socket = open({ auth: auth(), transports: ["websocket"] });
    await next(socket, "connected");
    const refused = await socket.emitWithAck("dance", { data: Buffer.from([1, 2, 3]) });
    assert.equal(refused.error.code, "invalid");
    assert.equal((await socket.emitWithAck("ping")).userId, patient.user.id);
  });

  test("large messages come through on both transports", async () => {
    const entityName = "ñ€𝄞".repeat(4000);
    for (const transports of [["websocket"], ["polling"]]) {
      const socket = open({ auth: auth(), transports });
      await next(socket, "connected");
      const update = next(socket, "catalog:update");
      const timestamp = new Date().toISOString();
      await latido.publish("catalog:update", {
        type: "exam", action: "updated", entityId: 1, entityName, timestamp,
      });
      assert.equal((await update).entityName, entityName);
      socket.disconnect();
    }
  });
});

describe("signing out", () => {
  for (const transports of [["websocket"], ["polling"]]) {
    test(`is told before the socket ends, by ${transports[0]}`, async () => {
      const leaving = await latido.patient(`leaving-${transports[0]}`);
      const socket = open({ transports, auth: { token: leaving.token } });
      await next(socket, "connected");
      const heard = [];
      socket.on("session:revoked", ({ reason }) => heard.push(reason));
      const ended = next(socket, "disconnect");
      await latido.call("POST", "/auth/logout", { token: leaving.token, body: {} });
      assert.equal(await ended, "io server disconnect");
      assert.deepEqual(heard, ["logout"]);
    });
  }
});
