// A visit in two real browsers: signaling through the hub, picture and sound from one to the other.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Cuttable } from "../cuttable.js";
import { Latido } from "../latido.js";
import { Browser, reads } from "./chromium.js";
import { Portal } from "./portals.js";

const VISIT = "visit-1";
const PASSWORD = "a long enough password";
/** More than what is on its way when something breaks. */
const GROWTH = { frames: 20, bytes: 10_000, sound: 1_000 };

let latido;
let doctor;
let patient;
const sides = [];

/** One of the two: a browser on a portal that has a way of its own to the hub. */
class Side {
  static async of(role) {
    const side = new Side();
    sides.push(side);
    side.role = role;
    side.portal = await Portal.open(role, "127.0.0.1", undefined, "visit");
    return side;
  }

  async arrive({ user }) {
    this.way = await Cuttable.to(latido.port);
    this.portal.serve(`http://127.0.0.1:${this.way.port}`);
    this.browser = await Browser.open();
    this.page = await this.browser.visit(this.portal.origin);
    await this.page.fill("[name=username]", user.email);
    await this.page.fill("[name=password]", PASSWORD);
    await this.page.fill("[name=room]", VISIT);
    await this.page.click("text=Enter");
    await this.reads("state", "inside");
    this.peer = await this.reads("peer", /^p_/);
  }

  reads(id, expected) {
    return reads(this.page, id, expected);
  }

  value(id) {
    return this.page.locator(`#${id}`).evaluate((output) => output.value);
  }

  /** Picture and sound keep coming. */
  async receives() {
    await this.reads("media", "connected");
    await Promise.all(Object.entries(GROWTH).map(async ([id, growth]) => {
      const enough = Number(await this.value(id)) + growth;
      await this.page.waitForFunction(
        ([id, enough]) => Number(document.getElementById(id).value) >= enough, [id, enough],
      );
    }));
  }

  /** From now on only later events are read. */
  forget() {
    return this.page.evaluate(() => (document.getElementById("heard").value = ""));
  }

  async says(text) {
    await this.page.fill("[name=text]", text);
    await this.page.click("text=Say");
    await Promise.all(sides.map((side) => side.reads("said", new RegExp(`${this.role}: ${text}\\. $`))));
  }

  /** Has the call negotiate another path, and waits until both are on it. */
  async looksForNewPath() {
    const before = await Promise.all(sides.map((side) => side.value("path")));
    await this.page.click("#new-path");
    await Promise.all(sides.map((side, index) => side.reads("path", otherThan(before[index]))));
    await flows();
  }

  /** The seat is the one from the beginning. */
  async sitsAsBefore() {
    assert.equal(await this.value("peer"), this.peer);
  }

  async close() {
    await this.browser?.close();
    this.way?.close();
    this.portal.close();
  }
}

/** Both halves of a path, each different. */
function otherThan(path) {
  const [own, other] = path.split(" ").map((half) => half.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"));
  return new RegExp(`^(?!${own} )\\S+ (?!${other}$)\\S+$`);
}

const flows = () => Promise.all(sides.map((side) => side.receives()));

before(async () => {
  doctor = await Side.of("doctor");
  patient = await Side.of("patient");
  const CORS_ORIGIN = sides.map(({ portal }) => portal.origin).join();
  latido = await Latido.start({ CORS_ORIGIN }, { fragile: true });
  const [ana, luz] = [await latido.doctor("ana"), await latido.patient("luz")];
  await latido.consultation(VISIT, ana, luz);
  await doctor.arrive(ana);
  await patient.arrive(luz);
});

after(async () => {
  await Promise.all(sides.map((side) => side.close()));
  await latido?.stop();
});

test("picture and sound go both ways", async () => {
  await doctor.reads("heard", /peer-joined/);
  await flows();
});

test("what one of them says both read", async () => {
  await doctor.says("how are you");
  await patient.says("better");
});

test("the call goes on while one of them has lost the hub", async () => {
  await Promise.all(sides.map((side) => side.forget()));
  patient.way.cut();
  await patient.reads("state", "cut off");

  await flows();

  patient.way.heal();
  await patient.reads("state", "inside");
  await patient.sitsAsBefore();
  assert.doesNotMatch(await doctor.reads("heard", /room-state/), /peer-left|peer-joined/);
  await patient.looksForNewPath();
  await patient.says("there again");
  await doctor.says("good");
});

test("the call goes on while both have lost the hub", async () => {
  await Promise.all(sides.map((side) => side.forget()));
  for (const side of sides) side.way.cut();
  for (const side of sides) await side.reads("state", "cut off");

  await flows();

  for (const side of sides) side.way.heal();
  for (const side of sides) {
    await side.reads("state", "inside");
    await side.sitsAsBefore();
    assert.doesNotMatch(await side.value("heard"), /peer-left|peer-joined/);
  }
  await doctor.looksForNewPath();
  await doctor.says("once more");
});

test("the call outlives its room", async () => {
  for (let round = 0; round < 3; round++) {
    await Promise.all(sides.map((side) => side.forget()));
    latido.failRoom(VISIT);
    for (const side of sides) {
      assert.doesNotMatch(await side.reads("heard", /room-state/), /peer-left|peer-joined|connected/);
      await side.reads("state", "inside");
      await side.sitsAsBefore();
    }
    await flows();
  }
  await patient.looksForNewPath();
  await doctor.says("nothing happened");
  await patient.says("so it seems");
});

test("offers that meet are sorted out", async () => {
  const before = await Promise.all(sides.map((side) => side.value("path")));
  await Promise.all(sides.map((side) => side.page.click("#new-path")));
  await Promise.all(sides.map((side, index) => side.reads("path", otherThan(before[index]))));
  await flows();
  await doctor.looksForNewPath();
});
