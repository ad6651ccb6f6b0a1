// A node for one test file: the real binary on a fresh database, an administrator signed in.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BINARY = process.env.LATIDO_BIN ?? join(ROOT, "target/debug/latido");
/** The same hub, with rooms that fail when they are told to. */
const FRAGILE = join(dirname(BINARY), "examples/fragile");
const PASSWORD = "a long enough password";
const ADMIN = { email: "admin@example.com", password: PASSWORD };

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** A certificate for this machine, signed by itself, as settings of a node. */
export function certificate(directory) {
  const [TLS_CERT_FILE, TLS_KEY_FILE] = ["certificate.pem", "key.pem"].map((name) => join(directory, name));
  const { status, stderr } = spawnSync("openssl", [
    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
    "-subj", "/CN=latido", "-addext", "subjectAltName=IP:127.0.0.1",
    "-out", TLS_CERT_FILE, "-keyout", TLS_KEY_FILE,
  ], { encoding: "utf8" });
  if (status !== 0) throw new Error(`openssl ended with ${status}: ${stderr}`);
  return { TLS_CERT_FILE, TLS_KEY_FILE };
}

/** A promise that rejects when it takes too long, naming what did not happen. */
export function within(what, promise, milliseconds = 20_000) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain: ${what}`)), milliseconds);
  });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}

/** The next payload of an event; start waiting before causing it. */
export function next(emitter, event) {
  return within(event, new Promise((resolve) => emitter.once(event, resolve)));
}

export class Latido {
  /** Starts a node; `settings`, or what they make of the node, go on top of those of the tests. */
  static async start(settings = {}, { tls = false, fragile = false, port } = {}) {
    const latido = new Latido();
    latido.program = fragile ? FRAGILE : BINARY;
    latido.directory = mkdtempSync(join(tmpdir(), "latido-e2e-"));
    latido.port = port ?? await freePort();
    const files = tls ? certificate(latido.directory) : {};
    const trusted = files.TLS_CERT_FILE ?? settings.TLS_CERT_FILE;
    latido.url = `${trusted ? "https" : "http"}://127.0.0.1:${latido.port}`;
    /** What a client has to trust, if anything. */
    latido.ca = trusted && readFileSync(trusted);
    latido.environment = {
      NODE_ENV: "development",
      BIND_ADDR: "127.0.0.1",
      PORT: String(latido.port),
      DATABASE_URL: `sqlite://${latido.directory}/latido.db?mode=rwc`,
      JWT_SECRET_KEY: "a secret of the tests, long enough to sign with",
      RATE_LIMIT_ENABLED: "false",
      SHUTDOWN_GRACE_SECONDS: "5",
      ...files,
      ...(typeof settings === "function" ? settings(latido) : settings),
    };
    latido.command(["migrate"]);
    latido.command(["create-admin", "--email", ADMIN.email, "--password-stdin"], ADMIN.password);
    await latido.serve();
    latido.admin = await latido.signIn(ADMIN.email, ADMIN.password);
    return latido;
  }

  command(args, input = "") {
    const { status, stdout, stderr } = spawnSync(BINARY, args, {
      env: this.environment, cwd: this.directory, input, encoding: "utf8",
    });
    if (status !== 0) throw new Error(`latido ${args[0]} ended with ${status}: ${stdout}${stderr}`);
  }

  async serve() {
    this.process = spawn(this.program, ["serve"], {
      env: this.environment, cwd: this.directory, stdio: ["pipe", "ignore", "inherit"],
    });
    this.ended = once(this.process, "exit").then(([code]) => code);
    const ready = async () => {
      for (;;) {
        const answer = await this.fetch("/health/live", {}).catch(() => null);
        if (answer?.ok) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await within("the node to serve", Promise.race([
      ready(),
      this.ended.then((code) => Promise.reject(new Error(`the node ended with ${code}`))),
    ]));
  }

  /** Ends the process with a signal and answers its exit code. */
  async end(signal = "SIGTERM") {
    this.process.kill(signal);
    return within("the node to end", this.ended);
  }

  /** Has the room of a consultation panic, in a fragile hub. */
  failRoom(consultation) {
    this.process.stdin.write(`${consultation}\n`);
  }

  async stop() {
    this.process.kill("SIGKILL");
    await this.ended;
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** `fetch` from this node, whose certificate Node's own `fetch` cannot be told to trust. */
  async fetch(path, { method = "GET", headers, body }) {
    if (!this.ca) return fetch(this.url + path, { method, headers, body });
    const asked = request(this.url + path, { method, headers, ca: this.ca, agent: false }).end(body);
    const [answer] = await once(asked, "response");
    const text = Buffer.concat(await answer.toArray());
    const lines = Object.entries(answer.headersDistinct).flatMap(([name, values]) =>
      values.map((value) => [name, value]));
    return new Response(text.length ? text : null, { status: answer.statusCode, headers: lines });
  }

  /** A JSON request; rejects when the answer is not a success. */
  async call(method, path, { token, body, headers } = {}) {
    const answer = await this.fetch(path, {
      method,
      headers: {
        ...(body && { "content-type": "application/json" }),
        ...(token && { authorization: `Bearer ${token}` }),
        ...headers,
      },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return { answer, body: text && JSON.parse(text) };
  }

  async signIn(username, password) {
    const { answer, body } = await this.call("POST", "/auth/login", { body: { username, password } });
    const cookie = answer.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
    return {
      token: body.access_token, refreshToken: body.refresh_token, session: body.session_id, cookie,
      user: body.user,
    };
  }

  /** A new patient, signed in. */
  async patient(name) {
    const email = `${name}@example.com`;
    await this.call("POST", "/auth/register", {
      body: {
        email, password: PASSWORD, nombre: name, apellido: "Ruiz", rol: "PACIENTE",
        fecha_nacimiento: "1990-01-01",
      },
    });
    return this.signIn(email, PASSWORD);
  }

  /** A new doctor, signed in. */
  async doctor(name) {
    const email = `${name}@example.com`;
    const { token } = this.admin;
    const specialty = await this.call("POST", "/api/v1/specialties", {
      token, body: { name: `Clínica de ${name}` },
    });
    await this.call("POST", "/api/v1/doctors", {
      token,
      body: {
        email, password: PASSWORD, first_name: name, last_name: "Ruiz", medical_license: `MN-${name}`,
        specialty_ids: [specialty.body.id], years_experience: 12, consultation_fee_cents: 1_500_000,
      },
    });
    return this.signIn(email, PASSWORD);
  }

  /** A consultation from browser to browser. */
  async consultation(id, doctor, patient) {
    const [doctorId, patientId] = [doctor, patient].map(({ user }) => String(user.reference_id));
    await this.call("POST", "/api/consultations/create", {
      token: this.admin.token, body: { consultationId: id, doctorId, patientId, mode: "p2p" },
    });
  }

  /** Has the node send an event to its usual audience. */
  publish(event, payload) {
    return this.call("POST", "/api/events/publish", {
      token: this.admin.token, body: { event, payload },
    });
  }

  publishExam(entityId) {
    const timestamp = new Date().toISOString();
    return this.publish("catalog:update", { type: "exam", action: "updated", entityId, timestamp });
  }
}
