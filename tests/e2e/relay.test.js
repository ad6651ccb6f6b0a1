// docker/coturn in front of nobody: coturn itself, with the configuration and the script as they are
// shipped, and credentials of a hub that shares its secret.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Latido, freePort, within } from "./latido.js";
import { Turn } from "./turn.js";

const DOCKER = fileURLToPath(new URL("../../docker/coturn", import.meta.url));
const SECRET = randomBytes(32).toString("base64");
const UNAUTHORIZED = 401;
const FORBIDDEN = 403;
const QUOTA_REACHED = 486;
const CONSULTATION = "visit-1";

let latido;
let relay;
let doctor;
let patient;
const clients = [];

/** coturn on loopback, whose addresses are all that is told otherwise. */
async function startRelay() {
  const directory = mkdtempSync(join(tmpdir(), "latido-coturn-"));
  const TURN_SECRET_FILE = join(directory, "secret");
  writeFileSync(TURN_SECRET_FILE, SECRET);
  const [port, control] = [await freePort(), await freePort()];
  const ends = ["127.0.0.1", "::1"];
  const child = spawn(join(DOCKER, "start.sh"), [
    ...ends.flatMap((ip) => [`--listening-ip=${ip}`, `--relay-ip=${ip}`]),
    `--listening-port=${port}`, `--cli-port=${control}`,
    `--userdb=${join(directory, "users")}`, `--pidfile=${join(directory, "pid")}`,
  ], {
    env: {
      PATH: `${process.env.PATH}:/usr/bin`, TMPDIR: directory, TURN_SECRET_FILE,
      TURN_REALM: "relay.example", TURN_CONFIGURATION: join(DOCKER, "turnserver.conf"),
    },
    cwd: directory,
  });
  const said = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => said.push(data));
  const ended = once(child, "exit");
  const failed = ended.then(() => Promise.reject(new Error(`coturn ended: ${Buffer.concat(said)}`)));
  failed.catch(() => {});
  const listens = async () => {
    while (!(await isOpen(port))) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await within("coturn to listen", Promise.race([listens(), failed]));
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  return { port, control, stop };
}

function isOpen(port) {
  const socket = connect(port, "127.0.0.1");
  return new Promise((resolve) => {
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
  }).finally(() => socket.destroy());
}

async function client(credentials) {
  const turn = await Turn.open(relay.port, credentials);
  clients.push(turn);
  return turn;
}

/** What the hub tells somebody of the relay. */
async function credentials(account) {
  const { body } = await latido.call("GET", `/api/consultations/${CONSULTATION}/precheck`, {
    token: account.token,
  });
  return body.data.iceServers.at(-1);
}

/** Credentials as the hub makes them, of another secret or with another end. */
function forged(secret, seconds, user = "patient-1") {
  const username = `${Math.floor(Date.now() / 1000) + seconds}:${user}`;
  return { username, credential: createHmac("sha1", secret).update(username).digest("base64") };
}

before(async () => {
  relay = await startRelay();
  latido = await Latido.start({
    TURN_SECRET: SECRET, TURN_URLS: `turn:127.0.0.1:${relay.port}?transport=udp`,
  });
  [doctor, patient] = [await latido.doctor("ana"), await latido.patient("luz")];
  await latido.consultation(CONSULTATION, doctor, patient);
});

after(async () => {
  for (const turn of clients) turn.close();
  await latido?.stop();
  await relay?.stop();
});

describe("who may have a relay", () => {
  test("whoever the hub gave credentials", async () => {
    for (const account of [doctor, patient]) {
      const given = await credentials(account);
      assert.deepEqual(given.urls, [`turn:127.0.0.1:${relay.port}?transport=udp`]);
      for (const version of [4, 6]) assert.equal(await (await client(given)).allocate(version), 0);
    }
    const { body } = await latido.call("POST", `/api/consultations/${CONSULTATION}/join`, {
      token: patient.token, body: {},
    });
    assert.equal(await (await client(body.data.iceServers.at(-1))).allocate(), 0);
  });

  test("not with credentials of another name, another secret or the past", async () => {
    const { username, credential } = await credentials(patient);
    assert.equal(await (await client(forged(SECRET, 60))).allocate(), 0, "these could be good");
    for (const bad of [
      { username: `${username}0`, credential },
      { username, credential: `${credential}0` },
      forged("another secret", 60),
      forged(SECRET, -60),
    ]) {
      assert.equal(await (await client(bad)).allocate(), UNAUTHORIZED, bad.username);
    }
  });

  test("not one name without end", async () => {
    const one = forged(SECRET, 3600, "patient-2");
    const codes = [];
    do codes.push(await (await client(one)).allocate()); while (codes.at(-1) === 0 && codes.length < 50);
    assert.deepEqual(codes, [...Array(12).fill(0), QUOTA_REACHED]);
    assert.equal(await (await client(await credentials(doctor))).allocate(), 0, "others may");
  });
});

describe("whom it reaches", () => {
  for (const [version, open, closed] of [
    [4, ["1.1.1.1", "172.15.255.255", "172.32.0.0", "100.128.0.0", "223.255.255.255"], [
      "127.0.0.1", "127.255.255.255", "0.0.0.0", "10.0.0.1", "10.255.255.255", "172.16.0.1",
      "172.31.255.255", "192.168.0.1", "192.168.255.255", "169.254.169.254", "100.64.0.1", "192.0.0.8",
      "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1",
      "255.255.255.255",
    ]],
    [6, ["2606:4700:4700::1111", "2a00::1"], [
      "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:0.0.0.0", "::ffff:10.0.0.1",
      "::ffff:172.16.0.1", "::ffff:192.168.0.1", "::ffff:169.254.169.254", "::ffff:255.255.255.255",
      "::ffff:1.1.1.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2001::1", "2001:db8::1", "2002:7f00:1::1",
      "100::1", "fc00::1", "fd00::1", "fe80::1", "febf::1", "fec0::1", "ff02::1",
    ]],
  ]) {
    test(`public addresses of IPv${version} and no other`, async () => {
      const turn = await client(await credentials(patient));
      assert.equal(await turn.allocate(version), 0);
      for (const [addresses, expected] of [[open, 0], [closed, FORBIDDEN]]) {
        for (const address of addresses) {
          assert.equal(await turn.permit(address), expected, `a permission for ${address}`);
          assert.equal(await turn.bind(address), expected, `a channel to ${address}`);
        }
      }
    });
  }

  test("a relay of IPv4 reaches no address of IPv6, however it is written", async () => {
    const turn = await client(await credentials(patient));
    assert.equal(await turn.allocate(), 0);
    for (const address of ["::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fe80::1"]) {
      assert.notEqual(await turn.permit(address), 0, address);
      assert.notEqual(await turn.bind(address), 0, address);
    }
  });
});

test("nobody steers it over the network", async () => {
  assert.equal(await isOpen(relay.port), true);
  assert.equal(await isOpen(relay.control), false);
});
