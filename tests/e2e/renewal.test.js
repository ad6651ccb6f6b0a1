// The stock client keeps its socket while its token ends, and loses it when its device is signed out.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { io } from "socket.io-client";
import { Latido, next } from "./latido.js";

let latido;
const sockets = [];

before(async () => {
  // A minute is the time of the warning: it comes a second after the sign-in.
  latido = await Latido.start({ ACCESS_TOKEN_TTL_SECONDS: "61" });
});

after(async () => {
  for (const socket of sockets) socket.disconnect();
  await latido?.stop();
});

async function open(token, transports) {
  const socket = io(`${latido.url}/events`, { forceNew: true, auth: { token }, transports });
  sockets.push(socket);
  await next(socket, "connected");
  return socket;
}

for (const transport of ["websocket", "polling"]) {
  test(`a warned client renews by ${transport} and goes on`, async () => {
    const patient = await latido.patient(`ana-${transport}`);
    const socket = await open(patient.token, [transport]);
    const { id } = socket;

    const expiring = await next(socket, "auth:expiring");
    assert.ok(expiring.inSeconds <= 60 && expiring.inSeconds > 50, JSON.stringify(expiring));
    const ack = await socket.emitWithAck("auth:refresh", { refreshToken: patient.refreshToken });

    assert.equal(ack.ok, true, JSON.stringify(ack));
    assert.ok(Date.parse(ack.expiresAt) > Date.parse(expiring.expiresAt));
    const { body } = await latido.call("POST", "/auth/session/validate", { token: ack.accessToken });
    assert.equal(body.user.id, patient.user.id);
    assert.equal((await socket.emitWithAck("ping")).userId, patient.user.id);
    assert.equal(socket.id, id);
  });
}

test("a client whose device is signed out is told why and stays away", async () => {
  const here = await latido.patient("luz");
  const there = await latido.signIn("luz@example.com", "a long enough password");
  const socket = await open(there.token, ["websocket"]);
  const revoked = next(socket, "session:revoked");
  const gone = next(socket, "disconnect");

  await latido.call("DELETE", `/auth/sessions/${there.session}`, { token: here.token });

  assert.equal((await revoked).reason, "logout");
  assert.equal(await gone, "io server disconnect");
  assert.equal(socket.active, false);
});
