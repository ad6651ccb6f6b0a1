// A visit that a real LiveKit server carries: one that `LIVEKIT_TEST_URL`, `LIVEKIT_TEST_KEY` and
// `LIVEKIT_TEST_SECRET` name. Picture and sound of two real browsers go through it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Visit } from "./sides.js";
import { TokenTab } from "./token-tab.js";

const { LIVEKIT_TEST_URL, LIVEKIT_TEST_KEY, LIVEKIT_TEST_SECRET } = process.env;
const isNamed = LIVEKIT_TEST_URL && LIVEKIT_TEST_KEY && LIVEKIT_TEST_SECRET;

describe("over a media server", { skip: !isNamed && "no media server is named" }, () => {
  // The server may know rooms of earlier runs.
  const visit = new Visit(`visit-${process.pid}-${Date.now()}`);
  const { doctor, patient } = visit;

  before(() => visit.begin({
    LIVEKIT_API_URL: LIVEKIT_TEST_URL,
    LIVEKIT_API_KEY: LIVEKIT_TEST_KEY,
    LIVEKIT_API_SECRET: LIVEKIT_TEST_SECRET,
  }));
  after(() => visit.end());

  test("the call moves from browsers to the server and back", async () => {
    await visit.flows();
    for (const mode of ["sfu", "p2p", "sfu"]) {
      await visit.forget();
      await doctor.page.click(`#${mode}`);
      await visit.each((side) => side.reads("heard", /hand-over/));
      await visit.flows();
    }
    await visit.each((side) => side.sitsAsBefore());
    await patient.says("still here");
  });

  test("who came by a token alone hears the chat and that the call is filmed", async () => {
    await visit.forget();
    const { admin } = visit.latido;
    const calls = (token, step, body) =>
      visit.latido.call("POST", `/api/consultations/${visit.room}/${step}`, { token, body });
    const { body } = await calls(admin.token, "join");
    const tab = await TokenTab.open(doctor.browser, doctor.portal.origin);
    await tab.join(body.data);

    // As long as a message may be, in letters of four bytes.
    const long = "𝛂".repeat(4000);
    await doctor.says(long);
    await calls(admin.token, "recording/start");

    const [said, filmed] = await tab.hears(2);
    const { event, from, topic, payload } = said;
    assert.deepEqual({ event, from, topic }, { event: "chat", from: undefined, topic: "latido" });
    assert.deepEqual([payload.role, payload.text], ["doctor", long]);
    assert.deepEqual([filmed.event, filmed.payload.status], ["recording", "mock"]);
    await calls(admin.token, "recording/stop");
    await tab.hears(3);
    // Those who have a socket heard it there, and nothing of it from the server.
    await visit.each(async (side) => {
      await side.reads("heard", /^chat recording recording $/);
    });
  });

  test("whom the doctor silences the server silences", async () => {
    await visit.forget();
    await doctor.page.click("#mute");
    await patient.reads("heard", /audio muted by the server/);
  });

  test("who is put out is out of the server", async () => {
    await visit.forget();
    await doctor.page.click("#kick");
    await patient.reads("heard", /out of the server/);
  });
});
