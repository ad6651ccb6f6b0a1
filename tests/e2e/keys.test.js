// What the hub signs is verified by what it publishes, with an implementation that is not ours.

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as jose from "jose";
import { Latido } from "./latido.js";

const KINDS = {
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: () => generateKeyPairSync("ed25519"),
};

let folder;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "latido-keys-"));
});

after(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a key of that kind, private and public, and answers the paths. */
function keyFiles(name, kind, form = "pkcs8") {
  const { privateKey, publicKey } = KINDS[kind]();
  const [secret, open] = [join(folder, `${name}.pem`), join(folder, `${name}.pub.pem`)];
  writeFileSync(secret, privateKey.export({ type: form, format: "pem" }));
  writeFileSync(open, publicKey.export({ type: "spki", format: "pem" }));
  return { secret, open };
}

function verify(latido, token, algorithm) {
  const keys = jose.createRemoteJWKSet(new URL("/.well-known/jwks.json", latido.url));
  return jose.jwtVerify(token, keys, { issuer: "latido", algorithms: [algorithm] });
}

for (const [algorithm, form] of [["ES256", "pkcs8"], ["ES256", "sec1"], ["EdDSA", "pkcs8"]]) {
  test(`a token signed by ${algorithm} (${form}) is verified by the published keys`, async () => {
    const { secret } = keyFiles(`only-${algorithm}-${form}`, algorithm, form);
    const latido = await Latido.start({ JWT_PRIVATE_KEY_FILE: secret });
    try {
      const { payload, protectedHeader } = await verify(latido, latido.admin.token, algorithm);

      assert.equal(payload.user_id, latido.admin.user.id);
      assert.equal(payload.typ, "access");
      const { body } = await latido.call("GET", "/.well-known/jwks.json");
      assert.deepEqual(body.keys.map(({ kid }) => kid), [protectedHeader.kid]);
      const { kid, use, alg, ...members } = body.keys[0];
      assert.deepEqual([use, alg], ["sig", algorithm]);
      assert.equal(kid, await jose.calculateJwkThumbprint(members), "RFC 7638");
    } finally {
      await latido.stop();
    }
  });
}

test("tokens from before and after a change of keys are verified by one set", async () => {
  const [first, second] = [keyFiles("first", "ES256"), keyFiles("second", "EdDSA")];
  const latido = await Latido.start({ JWT_PRIVATE_KEY_FILE: first.secret });
  try {
    const old = latido.admin.token;
    await latido.end();
    latido.environment.JWT_PRIVATE_KEY_FILE = second.secret;
    latido.environment.JWT_PREVIOUS_PUBLIC_KEY_FILE = first.open;
    await latido.serve();

    await latido.call("POST", "/auth/session/validate", { token: old });
    const { body: renewed } = await latido.call("POST", "/auth/refresh", {
      headers: { cookie: latido.admin.cookie, "sec-fetch-site": "same-origin" },
    });
    assert.ok(await verify(latido, old, "ES256"));
    assert.ok(await verify(latido, renewed.access_token, "EdDSA"));
  } finally {
    await latido.stop();
  }
});
