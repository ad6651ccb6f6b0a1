// docker/nginx.conf in front of a node: nginx itself, with no more changed than addresses and paths.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { Agent, request } from "node:https";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import WebSocket from "ws";
import { Latido, certificate, freePort, next, within } from "./latido.js";

const CONFIGURATION = fileURLToPath(new URL("../../docker/nginx.conf", import.meta.url));

// Not in everyone's PATH.
const NGINX = "/usr/sbin/nginx";

let latido;
let patient;
let legacy;
let gateway;
const sockets = [];

/** The service behind `/legacy/`: it answers what it was asked. */
async function legacyService() {
  const server = createServer(async (asked, answer) => {
    const body = Buffer.concat(await asked.toArray()).toString();
    const { method, url, headers } = asked;
    answer.setHeader("content-type", "application/json");
    answer.end(JSON.stringify({ method, url, headers, body }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** nginx with the configuration as it is shipped, moved to free ports and a directory of its own. */
async function startGateway() {
  const directory = join(latido.directory, "nginx");
  mkdirSync(directory);
  // Its workers are another user where the tests run as root.
  for (const path of [latido.directory, directory]) chmodSync(path, 0o755);
  const { TLS_CERT_FILE, TLS_KEY_FILE } = certificate(directory);
  const [port, plain] = [await freePort(), await freePort()];
  const [access, error] = ["access.log", "error.log"].map((name) => join(directory, name));
  let text = readFileSync(CONFIGURATION, "utf8");
  for (const [shipped, here] of [
    [" /tmp/", ` ${directory}/`],
    ["listen 443 ", `listen 127.0.0.1:${port} `],
    ["listen 80 ", `listen 127.0.0.1:${plain} `],
    ["server latido:8888;", `server 127.0.0.1:${latido.port};`],
    ["server legacy:8080;", `server 127.0.0.1:${legacy.address().port};`],
    ["/etc/nginx/tls/certificate.pem", TLS_CERT_FILE],
    ["/etc/nginx/tls/key.pem", TLS_KEY_FILE],
    ["worker_rlimit_nofile 65536;", ""],
    ["worker_connections 32768;", "worker_connections 1024;"],
    ["/dev/stdout", access],
    ["error_log stderr", `error_log ${error}`],
  ]) {
    assert.ok(text.includes(shipped), shipped);
    text = text.replaceAll(shipped, here);
  }
  const file = join(directory, "nginx.conf");
  writeFileSync(file, text);
  const process = spawn(NGINX, ["-p", directory, "-c", file, "-g", "daemon off;"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = once(process, "exit").then(([code]) => code);
  const ca = readFileSync(TLS_CERT_FILE);
  const started = { process, ended, ca, port, plain, access, error };
  const ready = async () => {
    while (process.exitCode === null && !(await ask(started, "/health/live").catch(() => null))) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await within("the gateway to serve", Promise.race([
    ready(),
    ended.then((code) => Promise.reject(new Error(`nginx ended with ${code}`))),
  ]));
  return started;
}

/** One request to a gateway. */
async function ask(to, path, { method = "GET", headers, body, agent = false } = {}) {
  const asked = request({
    host: "127.0.0.1", port: to.port, path, method, headers, ca: to.ca, agent,
  }).end(body);
  const [answer] = await once(asked, "response");
  const text = Buffer.concat(await answer.toArray()).toString();
  return { status: answer.statusCode, headers: answer.headers, text };
}

const through = (path, options) => ask(gateway, path, options);

before(async () => {
  latido = await Latido.start({ TRUSTED_PROXIES: "127.0.0.1" });
  patient = await latido.patient("ana");
  legacy = await legacyService();
  gateway = await startGateway();
});

after(async () => {
  for (const socket of sockets) socket.disconnect();
  gateway?.process.kill("SIGTERM");
  await gateway?.ended;
  legacy?.closeAllConnections();
  legacy?.close();
  await latido?.stop();
});

for (const transports of [["websocket"], ["polling", "websocket"]]) {
  test(`a stock client comes through by ${transports.join(" then ")}`, async () => {
    const socket = io(`https://127.0.0.1:${gateway.port}/events`, {
      auth: { token: patient.token }, ca: gateway.ca, forceNew: true, reconnection: false, transports,
    });
    sockets.push(socket);
    const upgraded =
      transports.length > 1 && next(socket.io, "open").then(() => next(socket.io.engine, "upgrade"));
    assert.equal((await next(socket, "connected")).userId, patient.user.id);
    await upgraded;
    assert.equal(socket.io.engine.transport.name, "websocket");

    const update = next(socket, "catalog:update");
    await latido.publishExam(7);
    assert.equal((await update).entityId, 7);
  });
}

test("a plain WebSocket comes through", async () => {
  const socket = new WebSocket(`wss://127.0.0.1:${gateway.port}/events`, {
    ca: gateway.ca, headers: { authorization: `Bearer ${patient.token}` },
  });
  const [connected] = await within("a greeting", once(socket, "message"));
  assert.equal(JSON.parse(connected).event, "connected");
  socket.terminate();
});

test("the hub sees the caller, the request's name and TLS", async () => {
  const answer = await through("/users/me", {
    headers: { authorization: `Bearer ${patient.token}`, "x-request-id": "gateway-0001" },
  });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers["x-request-id"], "gateway-0001");
  assert.match(answer.headers["strict-transport-security"], /^max-age=\d{8}/);

  const insecure = await fetch(`http://127.0.0.1:${gateway.plain}/users/me?a=1`, { redirect: "manual" });
  assert.equal(insecure.status, 308);
  assert.equal(insecure.headers.get("location"), "https://127.0.0.1/users/me?a=1");
});

test("a service outside gets requests of known callers, by name", async () => {
  const answer = await through("/legacy/reports/7?year=2025", {
    method: "POST", body: "a body",
    headers: {
      authorization: `Bearer ${patient.token}`, cookie: patient.cookie, "x-user-id": "1",
      "x-user-type": "admin", "content-length": 6,
    },
  });
  assert.equal(answer.status, 200, answer.text);
  const { method, url, headers, body } = JSON.parse(answer.text);
  assert.deepEqual([method, url, body], ["POST", "/reports/7?year=2025", "a body"]);
  assert.equal(headers["x-user-id"], String(patient.user.id));
  assert.equal(headers["x-user-type"], "patient");
  assert.equal(headers["x-reference-id"], String(patient.user.reference_id));
  assert.deepEqual([headers.authorization, headers.cookie], [undefined, undefined]);
});

test("a service outside gets no request of anybody else", async () => {
  for (const headers of [{}, { authorization: "Bearer nonsense" }, { "x-user-id": "1" }]) {
    const answer = await through("/legacy/reports/7", { headers });
    assert.equal(answer.status, 401, JSON.stringify(headers));
  }
  const forged = await through("/legacy/reports/7", {
    headers: { cookie: patient.cookie, origin: "https://evil.example" },
  });
  assert.equal(forged.status, 403);
  const direct = await through("/_introspect", { headers: { authorization: `Bearer ${patient.token}` } });
  assert.equal(direct.status, 404);
});

test("a flood from one address is turned away", async () => {
  // Over few connections that stay, so that the flood is one on a busy machine too.
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const statuses = new Set();
  const flood = async () => {
    while (!statuses.has(429)) {
      statuses.add((await through("/health/live?token=a-secret", { agent })).status);
    }
  };
  await within("a refusal", Promise.all(Array.from({ length: 8 }, flood)));
  agent.destroy();
  assert.deepEqual([...statuses].sort(), [200, 429]);
});

test("the logs tell no query", () => {
  const [access, error] = [gateway.access, gateway.error].map((file) => readFileSync(file, "utf8"));
  assert.match(access, /"GET \/health\/live HTTP\/1.1" 200/);
  assert.match(access, /"GET \/health\/live HTTP\/1.1" 429/);
  assert.ok(!`${access}${error}`.includes("a-secret"), error);
});
