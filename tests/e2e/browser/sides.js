// A visit of two, each in a browser of its own with a way of its own to the hub.

import assert from "node:assert/strict";
import { io } from "socket.io-client";
import { Cuttable } from "../cuttable.js";
import { Latido, within } from "../latido.js";
import { Browser, reads } from "./chromium.js";
import { Portal } from "./portals.js";

const PASSWORD = "a long enough password";
/** More than what is on its way when something breaks. */
const GROWTH = { frames: 20, bytes: 10_000, sound: 1_000 };

/** One of the two: a browser on a portal. */
class Side {
  constructor(visit, role) {
    Object.assign(this, { visit, role });
  }

  async open() {
    this.portal = await Portal.open(this.role, "127.0.0.1", undefined, "visit");
  }

  async arrive({ user }) {
    this.way = await Cuttable.to(this.visit.latido.port);
    this.portal.serve(`http://127.0.0.1:${this.way.port}`);
    this.browser = await Browser.open();
    this.page = await this.browser.visit(this.portal.origin);
    await this.page.fill("[name=username]", user.email);
    await this.page.fill("[name=password]", PASSWORD);
    await this.page.fill("[name=room]", this.visit.room);
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
    await this.visit.each((side) => side.reads("said", new RegExp(`${this.role}: ${text}\\. $`)));
  }

  /** Has the call negotiate another path, and waits until both are on it. */
  async looksForNewPath() {
    await this.visit.findsNewPath(() => this.page.click("#new-path"));
  }

  /** The seat is the one from the beginning. */
  async sitsAsBefore() {
    assert.equal(await this.value("peer"), this.peer);
  }

  async close() {
    await this.browser?.close();
    this.way?.close();
    this.portal?.close();
  }
}

/** Both halves of a path, each different. */
function otherThan(path) {
  const [own, other] = path.split(" ").map((half) => half.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"));
  return new RegExp(`^(?!${own} )\\S+ (?!${other}$)\\S+$`);
}

/** What the doctor's portal is told of the visit. */
class News {
  constructor({ url }, token) {
    this.socket = io(`${url}/events`, { auth: { token } });
    this.socket.on("consultation:update", (update) => (this.last = update));
  }

  /** The latest word of it, or the next one that is so. */
  until(what, isSo) {
    return within(what, new Promise((resolve) => {
      if (this.last && isSo(this.last)) return resolve(this.last);
      const hear = (update) => {
        if (!isSo(update)) return;
        this.socket.off("consultation:update", hear);
        resolve(update);
      };
      this.socket.on("consultation:update", hear);
    }));
  }

  close() {
    this.socket.close();
  }
}

export class Visit {
  constructor(room) {
    this.room = room;
    this.doctor = new Side(this, "doctor");
    this.patient = new Side(this, "patient");
    this.sides = [this.doctor, this.patient];
  }

  /** Both arrive, on a hub with these settings, at that port or a free one. */
  async begin(settings = {}, port = undefined) {
    await this.each((side) => side.open());
    const CORS_ORIGIN = this.sides.map(({ portal }) => portal.origin).join();
    this.latido = await Latido.start({ CORS_ORIGIN, ...settings }, { fragile: true, port });
    const [ana, luz] = [await this.latido.doctor("ana"), await this.latido.patient("luz")];
    await this.latido.consultation(this.room, ana, luz);
    this.news = new News(this.latido, ana.token);
    await this.doctor.arrive(ana);
    await this.patient.arrive(luz);
  }

  each(action) {
    return Promise.all(this.sides.map(action));
  }

  /** Who took part, and when. */
  async stays() {
    const { token } = this.latido.admin;
    const { body } = await this.latido.call("GET", `/api/consultations/${this.room}`, { token });
    return body.data.participants;
  }

  /** Picture and sound keep coming on both sides. */
  flows() {
    return this.each((side) => side.receives());
  }

  forget() {
    return this.each((side) => side.forget());
  }

  /** Waits until both are on another path than before. */
  async findsNewPath(action) {
    const before = await this.each((side) => side.value("path"));
    await action();
    await this.each((side, index) => side.reads("path", otherThan(before[index])));
    await this.flows();
  }

  async end() {
    await this.each((side) => side.close());
    this.news?.close();
    await this.latido?.stop();
  }
}
