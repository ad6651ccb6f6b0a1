// A visit that a real LiveKit server carries: one that `LIVEKIT_TEST_URL`, `LIVEKIT_TEST_KEY` and
// `LIVEKIT_TEST_SECRET` name. Picture and sound of two real browsers go through it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Visit } from "./sides.js";
import { TokenTab } from "./token-tab.js";

const { LIVEKIT_TEST_URL, LIVEKIT_TEST_KEY, LIVEKIT_TEST_SECRET } = process.env;
const isNamed = LIVEKIT_TEST_URL && LIVEKIT_TEST_KEY && LIVEKIT_TEST_SECRET;
/** Where the server tells the hub what happens, if it does. */
const { LIVEKIT_TEST_WEBHOOK_PORT: port } = process.env;
const told = { skip: !port && "the server tells nobody" };

describe("over a media server", { skip: !isNamed && "no media server is named" }, () => {
  // The server may know rooms of earlier runs.
  const visit = new Visit(`visit-${process.pid}-${Date.now()}`);
  const { doctor, patient } = visit;

  before(() => visit.begin({
    LIVEKIT_API_URL: LIVEKIT_TEST_URL,
    LIVEKIT_API_KEY: LIVEKIT_TEST_KEY,
    LIVEKIT_API_SECRET: LIVEKIT_TEST_SECRET,
  }, port && Number(port)));
  after(() => visit.end());

  const calls = (token, step, body) =>
    visit.latido.call("POST", `/api/consultations/${visit.room}/${step}`, { token, body });

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

  test("the server tells who came by a token alone, and that they went", told, async () => {
    const { latido, news } = visit;
    const { body: invited } = await calls(latido.admin.token, "invite", { role: "patient", name: "Eva" });
    const code = new URL(invited.data.url).hash.slice("#code=".length);
    const { body: redeemed } = await latido.call("POST", "/api/consultations/redeem", { body: { code } });
    const isGuest = ({ identity }) => identity === `guest-${invited.data.inviteId}`;
    const tab = await TokenTab.open(patient.browser, patient.portal.origin);

    await tab.join(redeemed.data);

    await news.until("the guest to be there", ({ participants }) => participants.some(isGuest));
    const stats = `/api/rooms/${visit.room}/stats`;
    const { body: room } = await latido.call("GET", stats, { token: latido.admin.token });
    const { role, state } = room.data.participants.find(isGuest);
    assert.deepEqual({ role, state }, { role: "patient", state: "active" });
    await tab.leave();
    await news.until("the guest to be gone", ({ participants }) => !participants.some(isGuest));
    const stays = (await visit.stays()).filter(isGuest);
    assert.equal(stays.length, 1);
    assert.ok(stays[0].joinedAt < stays[0].leftAt);
    const headers = { authorization: `Bearer ${latido.admin.token}` };
    const metrics = await latido.fetch("/metrics", { headers });
    const taken = (await metrics.text()).match(/^latido_http_requests_total\{.*\/webhooks\/livekit.*$/gm);
    assert.ok(taken.length > 0 && taken.every((line) => line.includes('"204"')), taken.join("\n"));
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

  test("who was put out does not come back by the token they had", told, async () => {
    const isPatient = ({ role }) => role === "patient";
    await visit.news.until("the patient to be gone", ({ participants }) => !participants.some(isPatient));
    await visit.forget();

    await patient.page.click("#again");

    // The server lets them in and tells the hub, which has them removed.
    const removed = await patient.page.evaluate(() => LivekitClient.DisconnectReason.PARTICIPANT_REMOVED);
    await patient.reads("heard", new RegExp(`^in the server\\. out of the server: ${removed}\\. $`));
    const stays = (await visit.stays()).filter(isPatient);
    assert.ok(stays.every(({ leftAt }) => leftAt), "nobody of them is there");
  });
});
