// What the node hands to developers: the client bundle and the types of every event.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import vm from "node:vm";
import specs from "@asyncapi/specs";
import Ajv from "ajv";
import addFormats from "ajv-formats";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Latido, next } from "./latido.js";

let latido;

before(async () => {
  latido = await Latido.start();
});

after(() => latido?.stop());

async function text(path) {
  const answer = await fetch(latido.url + path);
  assert.equal(answer.status, 200, path);
  return { answer, text: await answer.text() };
}

for (const path of ["/socket.io/socket.io.js", "/socket.io/socket.io.min.js"]) {
  test(`${path} is the client, and it connects`, async () => {
    const { answer, text: source } = await text(path);
    assert.match(answer.headers.get("content-type"), /javascript/);
    const patient = await latido.patient(`bundle${path.length}`);
    const { default: WebSocket } = await import("ws");
    const page = { WebSocket, setTimeout, clearTimeout, setInterval, clearInterval, URL, TextEncoder, TextDecoder, ArrayBuffer, Uint8Array, console };
    page.self = page.window = page.globalThis = page;
    page.addEventListener = page.removeEventListener = () => {};
    vm.runInNewContext(source, page);

    const socket = page.io(`${latido.url}/events`, {
      transports: ["websocket"], auth: { token: patient.token },
    });
    assert.equal((await next(socket, "connected")).userId, patient.user.id);
    socket.disconnect();
  });
}

test("/socket.io/socket.io.esm.min.js is a module with the same client", async () => {
  const { text: source } = await text("/socket.io/socket.io.esm.min.js");
  const module = await import(`data:text/javascript;base64,${Buffer.from(source).toString("base64")}`);
  assert.equal(typeof module.io, "function");
});

test("/openapi.json is a document of OpenAPI 3.1", async () => {
  const { text: document } = await text("/openapi.json");
  const { valid, errors } = await new Validator().validate(JSON.parse(document));
  assert.ok(valid, JSON.stringify(errors, null, 1));
});

const SAMPLE = `
import { io, type Socket } from "socket.io-client";
import type {
  Ack, CatalogUpdate, ClientToServerEvents, EventsToClient, EventsToServer, ServerToClientEvents,
} from "./events.js";

const socket: Socket<EventsToClient, EventsToServer> = io("http://localhost:8888/events");
socket.on("connected", ({ userId, rooms }) => console.log(userId + 1, rooms.join()));
socket.on("catalog:update", (update) => {
  const id: string = update.eventId;
  if (update.type === "price") console.log(id, update.entityId.toFixed());
});
socket.emit("subscribe", { entity: "exam" }, (answer) => {
  if (answer.ok) console.log(answer.room.length);
  else console.log(answer.error.code === "forbidden", answer.error.message.length);
});
// @ts-expect-error there is no such event
socket.on("catalog:updated", () => {});
// @ts-expect-error an entity is text
socket.emit("subscribe", { entity: 5 });
const all: Socket<ServerToClientEvents, ClientToServerEvents> = io("http://localhost:8888/");
all.emit("leave", { roomId: "c1" });
`;

test("/events.d.ts compiles in strict mode and types a client", async () => {
  const folder = fileURLToPath(new URL("./.types", import.meta.url));
  const { text: types } = await text("/events.d.ts");
  mkdirSync(folder, { recursive: true });
  try {
    writeFileSync(`${folder}/events.d.ts`, types);
    writeFileSync(`${folder}/sample.ts`, SAMPLE);
    const compiler = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url));
    const flags = ["--strict", "--noEmit", "--skipLibCheck", "false", "--types", "node", "--target", "es2022", "--module", "nodenext"];
    // Not spawnSync: while it blocks, connections that the node closes look open.
    const { code, stdout } = await new Promise((resolve) => {
      const compile = [compiler, ...flags, "sample.ts", "events.d.ts"];
      execFile(process.execPath, compile, { cwd: folder }, (error, stdout) => {
        resolve({ code: error ? error.code : 0, stdout });
      });
    });
    assert.equal(code, 0, stdout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("/openapi.json describes OpenAPI 3.1 with a name for every operation", async () => {
  const { text: document } = await text("/openapi.json");
  const { openapi, paths } = JSON.parse(document);
  assert.match(openapi, /^3\.1/);
  const methods = ["get", "put", "post", "delete", "patch", "head"];
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    methods.filter((method) => item[method]).map((method) => [`${method} ${path}`, item[method]]),
  );
  assert.ok(operations.length > 10, `${operations.length} operations`);
  const nameless = operations.filter(([, operation]) => !operation.operationId);
  assert.deepEqual(nameless.map(([name]) => name), []);
  const names = operations.map(([, operation]) => operation.operationId);
  assert.equal(new Set(names).size, names.length, "operation ids are unique");
  const silent = operations.filter(([, operation]) => !Object.keys(operation.responses ?? {}).length);
  assert.deepEqual(silent.map(([name]) => name), []);
});

test("/asyncapi.json is a document of AsyncAPI 3.0", async () => {
  const document = JSON.parse((await text("/asyncapi.json")).text);
  const ajv = addFormats(new Ajv({ strict: false, allErrors: true }));
  const validate = ajv.compile(specs.schemasWithoutId["3.0.0"]);
  const valid = validate(document);
  assert.ok(valid, JSON.stringify(validate.errors?.slice(0, 5), null, 1));
  assert.ok(Object.keys(document.channels).length > 0);
  delete document.info.title;
  assert.equal(validate(document), false, "the schema refuses a document without a title");
});
