// Portals sign their users in by OpenID Connect: openid-client as the relying party, jose as the
// judge of signatures, and a user behind a plain HTTP client and behind Chromium.

import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { jwtVerify } from "jose";
import { chromium } from "playwright-core";
import { io } from "socket.io-client";
import { Latido, next } from "./latido.js";
import { Portal } from "./portal.js";

const PASSWORD = "a long enough password";
let latido, doctors, patients;

before(async () => {
  doctors = await Portal.listen("doctors");
  patients = await Portal.listen("patients", randomBytes(32).toString("base64url"));
  latido = await Latido.start(({ url, directory }) => {
    const key = join(directory, "key.pem");
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    writeFileSync(key, privateKey.export({ type: "pkcs8", format: "pem" }));
    return {
      // Production, so that browsers keep the cookie: it is Secure, and this machine counts as safe.
      NODE_ENV: "production",
      DATA_ENCRYPTION_KEY: randomBytes(32).toString("base64"),
      PUBLIC_URL: url,
      JWT_PRIVATE_KEY_FILE: key,
      OIDC_CLIENTS: JSON.stringify([doctors.registration, patients.registration]),
    };
  });
  await doctors.discover(latido.url);
  await patients.discover(latido.url);
});

after(async () => {
  await latido?.stop();
  doctors?.close();
  patients?.close();
});

/** A browser without scripts: keeps the hub's cookie, follows redirects, sends forms. */
class UserAgent {
  cookie = "";

  async go(address, init = {}) {
    const isOurs = new URL(address).origin === latido.url;
    const headers = { ...init.headers, ...(isOurs && this.cookie && { cookie: this.cookie }) };
    const answer = await fetch(address, { ...init, headers, redirect: "manual" });
    const set = answer.headers.getSetCookie().find((line) => line.startsWith("latido_session="));
    if (set) this.cookie = set.includes("Max-Age=0") ? "" : set.split(";")[0];
    const target = answer.headers.get("location");
    if (target) return this.go(new URL(target, address).href);
    return { address, status: answer.status, text: await answer.text() };
  }

  /** Sends the one form of a page as a browser would. */
  async submit(page, fields = {}) {
    const action = page.text.match(/<form method="post" action="([^"]+)"/)[1].replaceAll("&amp;", "&");
    return this.go(new URL(action, page.address).href, {
      method: "POST",
      headers: { origin: new URL(page.address).origin },
      body: new URLSearchParams(fields),
    });
  }

  async signIn(page, username, password = PASSWORD) {
    return this.submit(page, { username, password });
  }
}

/** Signs a new patient in at the portal for doctors. */
async function signedIn(name) {
  await latido.patient(name);
  const agent = new UserAgent();
  const page = await agent.go(`${doctors.url}/login`);
  const welcome = await agent.signIn(page, `${name}@example.com`);
  assert.equal(welcome.text, `<p>welcome, ${name} Ruiz</p>`);
  return agent;
}

test("discovery describes the provider", () => {
  const metadata = doctors.config.serverMetadata();
  assert.equal(metadata.issuer, latido.url);
  assert.ok(metadata.supportsPKCE());
  assert.deepEqual(metadata.id_token_signing_alg_values_supported, ["ES256"]);
  assert.equal(metadata.backchannel_logout_session_supported, true);
});

test("a user signs in on the page and arrives at the portal", async () => {
  await latido.patient("ana");
  const agent = new UserAgent();
  const page = await agent.go(`${doctors.url}/login`);
  assert.equal(new URL(page.address).pathname, "/oidc/authorize");

  const wrong = await agent.signIn(page, "ana@example.com", "not the password");
  assert.equal(wrong.status, 401);
  assert.match(wrong.text, /role="alert"/);
  const welcome = await agent.signIn(wrong, "ana@example.com");

  assert.equal(welcome.text, "<p>welcome, ana Ruiz</p>");
  assert.equal(doctors.user.email, "ana@example.com");
  assert.deepEqual(doctors.user.roles, ["patient"]);
  const { payload } = await jwtVerify(doctors.tokens.id_token, doctors.keys, {
    issuer: latido.url, audience: "doctors", algorithms: ["ES256"],
  });
  for (const claim of ["sid", "nonce", "at_hash", "auth_time"]) assert.ok(claim in payload, claim);
});

test("the access token opens routes and sockets", async () => {
  await signedIn("bea");
  const { body } = await latido.call("GET", "/users/me", { token: doctors.tokens.access_token });
  assert.equal(body.email, "bea@example.com");
  const socket = io(`${latido.url}/events`, {
    transports: ["websocket"], auth: { token: doctors.tokens.access_token },
  });
  assert.equal(String((await next(socket, "connected")).userId), doctors.claims.sub);
  socket.disconnect();
});

test("the next portal needs no password", async () => {
  const agent = await signedIn("carla");

  const welcome = await agent.go(`${patients.url}/login?prompt=none`);

  assert.equal(welcome.text, "<p>welcome, carla Ruiz</p>");
  assert.equal(patients.claims.sub, doctors.claims.sub);
  assert.notEqual(patients.claims.sid, doctors.claims.sid);
  const stranger = await new UserAgent().go(`${patients.url}/login?prompt=none`);
  assert.equal(stranger.text, "<p>refused: login_required</p>");
});

test("refresh tokens rotate, and reuse ends the portal's session", async () => {
  await signedIn("dora");
  const first = doctors.tokens.refresh_token;

  const second = await doctors.refresh(first);
  assert.notEqual(second.refresh_token, first);
  assert.equal(second.claims().sid, doctors.claims.sid);
  const third = await doctors.refresh(second.refresh_token);

  await assert.rejects(doctors.refresh(first), { error: "invalid_grant" });
  await assert.rejects(doctors.refresh(third.refresh_token), { error: "invalid_grant" });
  await doctors.heardOf(doctors.claims.sid);
});

test("a logout at one portal ends every other, and their back ends hear of it", async () => {
  const agent = await signedIn("elsa");
  await agent.go(`${patients.url}/login`);
  const socket = io(`${latido.url}/events`, {
    transports: ["websocket"], auth: { token: patients.tokens.access_token },
  });
  await next(socket, "connected");
  const revoked = next(socket, "session:revoked");

  const bye = await agent.go(`${doctors.url}/logout`);

  assert.equal(bye.text, "<p>signed out, state bye</p>");
  assert.equal(agent.cookie, "");
  for (const portal of [doctors, patients]) {
    const notice = await portal.heardOf(portal.claims.sid);
    assert.equal(notice.sub, portal.claims.sub);
    await assert.rejects(portal.refresh(), { error: "invalid_grant" });
    assert.equal(portal.failure, undefined);
  }
  assert.equal((await revoked).reason, "logout");
  socket.disconnect();
  const again = await agent.go(`${doctors.url}/login?prompt=none`);
  assert.equal(again.text, "<p>refused: login_required</p>");
});

test("Chromium signs in without scripts, once for both portals, and out of both", async () => {
  await latido.patient("elena");
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic"],
  });
  try {
    const context = await browser.newContext({ javaScriptEnabled: false, locale: "en-GB" });
    const page = await context.newPage();
    await page.goto(`${doctors.url}/login`);
    await page.getByLabel("E-mail").fill("elena@example.com");
    await page.getByLabel("Password").fill("not the password");
    await page.getByRole("button", { name: "Sign in" }).click();
    assert.match(await page.getByRole("alert").textContent(), /not right/);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await page.getByText("welcome, elena Ruiz").waitFor();

    await page.goto(`${patients.url}/login`);
    await page.getByText("welcome, elena Ruiz").waitFor();

    await page.goto(`${patients.url}/logout`);
    await page.getByText("signed out, state bye").waitFor();
    await doctors.heardOf(doctors.claims.sid);
    await page.goto(`${doctors.url}/login`);
    await page.getByRole("heading", { name: "Sign in" }).waitFor();

    // Whoever asks for a logout without an ID token, the user decides.
    await page.getByLabel("E-mail").fill("elena@example.com");
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("welcome, elena Ruiz").waitFor();
    await page.goto(`${latido.url}/oidc/logout`);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Signed out" }).waitFor();
    await doctors.heardOf(doctors.claims.sid);
  } finally {
    await browser.close();
  }
});
