// One sign-in for portals on several hosts, in real browsers.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Latido } from "../latido.js";
import { Browser, reads } from "./chromium.js";
import { Portal, certificate } from "./portals.js";

const PASSWORD = "a long enough password";
let tls;

before(() => {
  // The certificate of these tests is signed by nobody, and they speak only to themselves.
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
  tls = certificate();
});

after(() => tls.remove());

/** A hub, two portals, and the browsers of one test. */
class Stage {
  static async set({ hosts, settings = {}, hub, secure = true }) {
    const stage = new Stage();
    stage.browsers = [];
    stage.portals = await Promise.all([
      Portal.open("doctors", hosts[0], secure && tls), Portal.open("patients", hosts[1], secure && tls),
    ]);
    stage.latido = await Latido.start({
      CORS_ORIGIN: stage.portals.map(({ origin }) => origin).join(),
      ...(secure && { TLS_CERT_FILE: tls.cert, TLS_KEY_FILE: tls.key }),
      ...settings,
    });
    stage.portals.forEach((portal, index) => portal.serve(hub(stage.latido.port, hosts[index])));
    return stage;
  }

  async browser() {
    const browser = await Browser.open();
    this.browsers.push(browser);
    return browser;
  }

  /** Registers a patient and signs in by the form of a page. */
  async signIn(page, name) {
    const { user } = await this.latido.patient(name);
    await reads(page, "state", "a stranger");
    await page.fill("[name=username]", user.email);
    await page.fill("[name=password]", PASSWORD);
    await page.click("text=Sign in");
    await reads(page, "state", "signed in");
    await reads(page, "who", `Paciente ${user.id}`);
    return user;
  }

  async strike() {
    await Promise.all(this.browsers.map((browser) => browser.close()));
    this.portals.forEach((portal) => portal.close());
    await this.latido.stop();
  }
}

/** Has the portal of `page` make a ticket, and answers its link. */
async function ticket(page, target) {
  await page.fill("#target", target.origin);
  await page.click("#ticket");
  await page.waitForFunction(() => document.getElementById("link").href);
  return page.locator("#link").evaluate((link) => link.href);
}

describe("portals of different sites, the hub on a third", () => {
  let stage;

  before(async () => {
    stage = await Stage.set({
      hosts: ["doctors.example", "patients.example"], hub: (port) => `https://hub.example:${port}`,
    });
  });

  after(() => stage?.strike());

  test("a ticket signs in another browser; both share, and end together", async () => {
    const [doctors, patients] = stage.portals;
    const [here, there] = [await stage.browser(), await stage.browser()];
    const page = await here.visit(doctors.origin);
    const user = await stage.signIn(page, "ana");

    const link = await ticket(page, patients);
    assert.ok(link.startsWith(`${patients.origin}/sso#ticket=t_`), link);
    const other = await there.visit(link);
    await reads(other, "state", "signed in");
    await reads(other, "who", `Paciente ${user.id}`);
    assert.notEqual(await reads(other, "session", /^s_/), await reads(page, "session", /^s_/));
    for (const portal of [page, other]) {
      await portal.reload();
      await reads(portal, "state", "signed in");
    }
    for (const portal of [page, other]) await reads(portal, "apps", "doctors patients");

    await page.click("#light");
    await reads(other, "shared", '{"theme":"light"}');
    await other.click("#dark");
    await reads(page, "shared", '{"theme":"dark"}');

    const late = await there.visit(link);
    await reads(late, "refused", "Gone");

    await other.click("#everywhere");
    for (const portal of [page, other]) {
      await reads(portal, "state", "signed out: logout_all");
      await reads(portal, "socket", "io server disconnect");
      await portal.reload();
      await reads(portal, "state", "a stranger");
    }
  });

  test("a ticket is of no use to a page of another origin, and stays good", async () => {
    const [doctors, patients] = stage.portals;
    const [here, there] = [await stage.browser(), await stage.browser()];
    const page = await here.visit(doctors.origin);
    await stage.signIn(page, "eva");
    const link = await ticket(page, patients);

    const stolen = await there.visit(link.replace(patients.origin, doctors.origin));
    await reads(stolen, "refused", "Gone");
    await reads(stolen, "state", "a stranger");

    await reads(await there.visit(link), "state", "signed in");
  });

  test("one browser walks from portal to portal by the link", async () => {
    const [doctors, patients] = stage.portals;
    const browser = await stage.browser();
    const page = await browser.visit(doctors.origin);
    const user = await stage.signIn(page, "sol");
    const session = await reads(page, "session", /^s_/);
    await ticket(page, patients);

    await page.click("#link");
    await page.waitForURL(`${patients.origin}/`);
    await reads(page, "who", `Paciente ${user.id}`);
    await reads(page, "apps", "doctors patients");

    const back = await browser.visit(doctors.origin);
    await reads(back, "who", `Paciente ${user.id}`);
    assert.equal(await reads(back, "session", /^s_/), session, "each site keeps its own cookie");
    await reads(back, "state", "signed in");
    await page.click("#sign-out");
    for (const portal of [page, back]) await reads(portal, "state", "signed out: logout");
  });
});

test("sibling hosts share one session by its cookie", async (t) => {
  const stage = await Stage.set({
    hosts: ["doctors.clinic.example", "patients.clinic.example"],
    settings: { SESSION_COOKIE_DOMAIN: "clinic.example" },
    // Each portal knows the hub by its own host, so only the cookie's domain brings them together.
    hub: (port, host) => `https://${host}:${port}`,
  });
  t.after(() => stage.strike());
  await sharesOneSession(stage, ".clinic.example");
});

test("in development ports of localhost share one session without TLS", async (t) => {
  const stage = await Stage.set({
    hosts: ["localhost", "localhost"], hub: (port) => `http://localhost:${port}`, secure: false,
  });
  t.after(() => stage.strike());
  await sharesOneSession(stage, "localhost");
});

async function sharesOneSession(stage, domain) {
  const [doctors, patients] = stage.portals;
  const browser = await stage.browser();
  const page = await browser.visit(doctors.origin);
  await stage.signIn(page, "ana");

  const other = await browser.visit(patients.origin);
  await reads(other, "state", "signed in");
  assert.equal(await reads(other, "session", /^s_/), await reads(page, "session", /^s_/));
  for (const portal of [page, other]) await reads(portal, "apps", "doctors patients");
  const cookies = await browser.context.cookies();
  const cookie = cookies.find(({ name }) => name === "latido_session");
  assert.equal(cookie.domain, domain);
  assert.equal(cookie.httpOnly, true);

  await page.click("#light");
  await reads(other, "shared", '{"theme":"light"}');
  await other.click("#dark");
  await reads(page, "shared", '{"theme":"dark"}');

  await page.click("#sign-out");
  for (const portal of [page, other]) {
    await reads(portal, "state", "signed out: logout");
    await reads(portal, "socket", "io server disconnect");
  }
  const [left, revoked] = await Promise.all([
    page.evaluate(() => Number(document.body.dataset.leftAt)),
    other.evaluate(() => Number(document.body.dataset.revokedAt)),
  ]);
  assert.ok(revoked - left <= 1000, `${revoked - left} ms`);
  await other.reload();
  await reads(other, "state", "a stranger");
  assert.deepEqual((await browser.context.cookies()).filter(({ name }) => name === "latido_session"), []);
}
