// The stock client against a node that terminates TLS itself.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { io } from "socket.io-client";
import { Latido, next } from "./latido.js";

let latido;
let patient;
const sockets = [];

before(async () => {
  latido = await Latido.start({}, { tls: true });
  patient = await latido.patient("ana");
});

after(async () => {
  for (const socket of sockets) socket.disconnect();
  await latido?.stop();
});

function open(options) {
  const socket = io(`${latido.url}/events`, {
    auth: { token: patient.token }, ca: latido.ca, forceNew: true, reconnection: false, ...options,
  });
  sockets.push(socket);
  return socket;
}

for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
  test(`events come by ${transports.join(" then ")}`, async () => {
    const socket = open({ transports });
    const upgraded = transports.length > 1 && next(socket.io, "open").then(() => next(socket.io.engine, "upgrade"));
    assert.equal((await next(socket, "connected")).userId, patient.user.id);
    await upgraded;
    assert.equal(socket.io.engine.transport.name, transports.at(-1));

    const update = next(socket, "catalog:update");
    await latido.publishExam(7);
    assert.equal((await update).entityId, 7);
    assert.equal((await socket.timeout(5000).emitWithAck("ping")).userId, patient.user.id);
  });
}

test("a client that does not know the certificate does not connect", async () => {
  const error = await next(open({ ca: undefined, transports: ["websocket"] }), "connect_error");
  assert.equal(error.description.error.code, "DEPTH_ZERO_SELF_SIGNED_CERT");
});

test("answers tell browsers to stay on TLS", async () => {
  const { answer } = await latido.call("GET", "/health/live");
  assert.match(answer.headers.get("strict-transport-security"), /^max-age=\d{8}/);
});
