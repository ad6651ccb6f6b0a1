// A visit in two real browsers: signaling through the hub, picture and sound from one to the other.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Visit } from "./sides.js";

const visit = new Visit("visit-1");
const { doctor, patient } = visit;

before(() => visit.begin());
after(() => visit.end());

test("picture and sound go both ways", async () => {
  await doctor.reads("heard", /peer-joined/);
  await visit.flows();
});

test("what one of them says both read", async () => {
  await doctor.says("how are you");
  await patient.says("better");
});

test("the call goes on while one of them has lost the hub", async () => {
  await visit.forget();
  patient.way.cut();
  await patient.reads("state", "cut off");

  await visit.flows();

  patient.way.heal();
  await patient.reads("state", "inside");
  await patient.sitsAsBefore();
  assert.doesNotMatch(await doctor.reads("heard", /room-state/), /peer-left|peer-joined/);
  await patient.looksForNewPath();
  await patient.says("there again");
  await doctor.says("good");
});

test("the call goes on while both have lost the hub", async () => {
  await visit.forget();
  for (const side of visit.sides) side.way.cut();
  for (const side of visit.sides) await side.reads("state", "cut off");

  await visit.flows();

  for (const side of visit.sides) side.way.heal();
  for (const side of visit.sides) {
    await side.reads("state", "inside");
    await side.sitsAsBefore();
    assert.doesNotMatch(await side.value("heard"), /peer-left|peer-joined/);
  }
  await doctor.looksForNewPath();
  await doctor.says("once more");
});

test("the call outlives its room", async () => {
  for (let round = 0; round < 3; round++) {
    await visit.forget();
    visit.latido.failRoom(visit.room);
    for (const side of visit.sides) {
      assert.doesNotMatch(await side.reads("heard", /room-state/), /peer-left|peer-joined|connected/);
      await side.reads("state", "inside");
      await side.sitsAsBefore();
    }
    await visit.flows();
  }
  await patient.looksForNewPath();
  await doctor.says("nothing happened");
  await patient.says("so it seems");
});

test("offers that meet are sorted out", async () => {
  await visit.findsNewPath(() => visit.each((side) => side.page.click("#new-path")));
  await doctor.looksForNewPath();
});
