// Keys between the hub and an implementation that is not ours (`jose`): what the hub signs is
// verified by what it publishes, and what a provider signs is verified by what that publishes.

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
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

test("a token of a provider is good by the keys that the provider publishes", async () => {
  const keys = {};
  for (const alg of ["RS256", "ES256"]) keys[alg] = await jose.generateKeyPair(alg);
  const published = await Promise.all(Object.entries(keys).map(async ([alg, { publicKey }]) => (
    { ...await jose.exportJWK(publicKey), kid: `key-${alg}`, alg, use: "sig" }
  )));
  let asked = 0;
  const provider = createServer((_, answer) => {
    asked += 1;
    answer.setHeader("content-type", "application/json").end(JSON.stringify({ keys: published }));
  }).listen(0, "127.0.0.1");
  await once(provider, "listening");
  const latido = await Latido.start({
    SUPABASE_JWKS_URL: `http://127.0.0.1:${provider.address().port}/auth/v1/.well-known/jwks.json`,
  });
  const exchange = async (alg, signing = keys[alg].privateKey) => {
    const token = await new jose.SignJWT({ email: "ana@example.com", app_metadata: { role: "client" } })
      .setProtectedHeader({ alg, kid: `key-${alg}`, typ: "JWT" })
      .setSubject("7f3c").setAudience("authenticated").setExpirationTime("5m").sign(signing);
    return latido.call("POST", "/auth/exchange", { body: { provider: "supabase", token } });
  };
  try {
    const users = [];
    for (const alg of ["RS256", "ES256"]) users.push((await exchange(alg)).body.user.id);
    assert.equal(users[0], users[1]);
    const { privateKey } = await jose.generateKeyPair("ES256");
    await assert.rejects(exchange("ES256", privateKey), /401/);
    assert.equal(asked, 1);
  } finally {
    await latido.stop();
    provider.close();
  }
});
