// A node that goes away and comes back: the stock client follows by itself.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { io } from "socket.io-client";
import { Latido, next } from "./latido.js";

let latido;
const sockets = [];

// A node of its own for each test: one that failed to come back hurts no other.
beforeEach(async () => {
  latido = await Latido.start();
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.disconnect();
  await latido?.stop();
});

function open(options) {
  const socket = io(`${latido.url}/events`, { forceNew: true, ...options });
  sockets.push(socket);
  return socket;
}

for (const transport of ["websocket", "polling"]) {
  test(`after SIGTERM a ${transport} client is warned, reconnects by itself and hears events again`, async () => {
    const patient = await latido.patient(transport);
    const socket = open({
      auth: { token: patient.token },
      transports: [transport],
      reconnectionDelay: 50,
      reconnectionDelayMax: 200,
    });
    await next(socket, "connected");

    const draining = next(socket, "server:draining");
    const disconnected = next(socket, "disconnect");
    const code = latido.end("SIGTERM");
    const [{ reconnectAfterMs }] = await Promise.all([draining, disconnected]);
    assert.ok(reconnectAfterMs >= 0 && reconnectAfterMs <= 5000);
    assert.equal(await code, 0);

    const again = next(socket, "connected");
    await latido.serve();
    await again;
    const update = next(socket, "catalog:update");
    await latido.publishExam(7);
    assert.equal((await update).entityId, 7);
  });
}

test("what was committed while the client was away is replayed since the last event it saw", async () => {
  const patient = await latido.patient("ben");
  const auth = { token: patient.token };
  const socket = open({ auth, reconnection: false });
  await next(socket, "connected");
  const update = next(socket, "catalog:update");
  await latido.publishExam(1);
  const { eventId } = await update;
  socket.disconnect();
  await latido.publishExam(2);
  await latido.publishExam(3);
  await latido.end("SIGKILL");
  await latido.serve();

  const back = open({ auth: { ...auth, since: eventId } });
  const seen = [];
  back.on("catalog:update", (event) => seen.push(event.entityId));
  const { replayed } = await next(back, "connected");
  assert.equal(replayed, 2);
  await back.emitWithAck("ping");
  assert.deepEqual(seen, [2, 3]);
});
