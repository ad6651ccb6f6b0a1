// A visit that a real LiveKit server carries: one that `LIVEKIT_TEST_URL`, `LIVEKIT_TEST_KEY` and
// `LIVEKIT_TEST_SECRET` name. Picture and sound of two real browsers go through it.

import { after, before, describe, test } from "node:test";
import { Visit } from "./sides.js";

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
