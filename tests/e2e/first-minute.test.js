// What README.md shows first: sign in, connect, write over HTTP, hear of it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { io } from "socket.io-client";
import { Latido, next } from "./latido.js";

let latido;
const sockets = [];

before(async () => {
  latido = await Latido.start();
});

after(async () => {
  for (const socket of sockets) socket.disconnect();
  await latido?.stop();
});

function open(options) {
  const socket = io(`${latido.url}/events`, { forceNew: true, ...options });
  sockets.push(socket);
  return socket;
}

test("a price list changes and everyone sees it at once", async () => {
  const patient = await latido.patient("ana");
  const socket = open({ auth: { token: patient.token }, transports: ["websocket"] });
  await next(socket, "connected");

  const created = next(socket, "catalog:update");
  const { body: exam, answer } = await latido.call("POST", "/api/v1/catalog/exams", {
    token: latido.admin.token, body: { code: "HEM", name: "Hemograma" },
  });
  assert.equal(answer.status, 201);
  assert.match(answer.headers.get("location"), new RegExp(`/api/v1/catalog/exams/${exam.id}$`));
  const event = await created;
  assert.equal(event.type, "exam");
  assert.equal(event.action, "created");
  assert.equal(event.entityId, exam.id);
  assert.match(event.eventId, /^\d+$/);

  const priced = next(socket, "catalog:update");
  await latido.call("POST", "/api/v1/catalog/prices", {
    token: latido.admin.token, body: { exam_id: exam.id, amount_cents: 450000 },
  });
  assert.equal((await priced).type, "price");
});
