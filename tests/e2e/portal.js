// A portal as its developers would write it: openid-client before a small web server.

import { once } from "node:events";
import { createServer } from "node:http";
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as oidc from "openid-client";
import { within } from "./latido.js";

const LOGOUT = "http://schemas.openid.net/event/backchannel-logout";

export class Portal {
  /** A portal on a free port; with a secret it is a confidential client. */
  static async listen(id, secret) {
    const portal = new Portal();
    Object.assign(portal, { id, secret, pending: new Map(), notices: [], waiting: [] });
    portal.server = createServer((request, response) => {
      portal.serve(request, response).catch((error) => {
        portal.failure = error;
        response.writeHead(500).end(String(error));
      });
    });
    portal.server.listen(0, "127.0.0.1");
    await once(portal.server, "listening");
    portal.url = `http://127.0.0.1:${portal.server.address().port}`;
    return portal;
  }

  /** What the hub is told of it. */
  get registration() {
    return {
      client_id: this.id,
      name: `Portal ${this.id}`,
      redirect_uris: [`${this.url}/callback`],
      post_logout_redirect_uris: [`${this.url}/bye`],
      backchannel_logout_uri: `${this.url}/back-channel`,
      ...(this.secret && { client_secret: this.secret }),
    };
  }

  async discover(issuer) {
    const authentication = this.secret ? oidc.ClientSecretBasic(this.secret) : oidc.None();
    // The tests have no TLS; everything else is as in production.
    this.config = await oidc.discovery(new URL(issuer), this.id, undefined, authentication, {
      execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
    });
    this.keys = createRemoteJWKSet(new URL(this.config.serverMetadata().jwks_uri));
  }

  async serve(request, response) {
    const url = new URL(request.url, this.url);
    const goTo = (address) => response.writeHead(302, { location: address.href }).end();
    const page = (text) => response.writeHead(200, { "content-type": "text/html" }).end(`<p>${text}</p>`);
    switch (url.pathname) {
      case "/login":
        return goTo(await this.authorizationUrl(Object.fromEntries(url.searchParams)));
      case "/callback":
        if (url.searchParams.has("error")) return page(`refused: ${url.searchParams.get("error")}`);
        await this.redeem(url);
        return page(`welcome, ${this.user.name}`);
      case "/logout":
        return goTo(oidc.buildEndSessionUrl(this.config, {
          id_token_hint: this.tokens.id_token, post_logout_redirect_uri: `${this.url}/bye`, state: "bye",
        }));
      case "/bye":
        return page(`signed out, state ${url.searchParams.get("state")}`);
      case "/back-channel": {
        await this.hear(request);
        return response.writeHead(200).end();
      }
      default:
        return response.writeHead(404).end();
    }
  }

  async authorizationUrl(more = {}) {
    const flow = {
      pkceCodeVerifier: oidc.randomPKCECodeVerifier(),
      expectedState: oidc.randomState(),
      expectedNonce: oidc.randomNonce(),
      idTokenExpected: true,
    };
    this.pending.set(flow.expectedState, flow);
    return oidc.buildAuthorizationUrl(this.config, {
      redirect_uri: `${this.url}/callback`,
      scope: "openid profile email",
      code_challenge: await oidc.calculatePKCECodeChallenge(flow.pkceCodeVerifier),
      code_challenge_method: "S256",
      state: flow.expectedState,
      nonce: flow.expectedNonce,
      ...more,
    });
  }

  /** Redeems the code of a callback and asks who came. */
  async redeem(url) {
    const flow = this.pending.get(url.searchParams.get("state"));
    this.tokens = await oidc.authorizationCodeGrant(this.config, url, flow);
    this.claims = this.tokens.claims();
    this.user = await oidc.fetchUserInfo(this.config, this.tokens.access_token, this.claims.sub);
  }

  async refresh(token = this.tokens.refresh_token) {
    return oidc.refreshTokenGrant(this.config, token);
  }

  /** Verifies a logout token as Back-Channel Logout §2.6 asks. */
  async hear(request) {
    let body = "";
    for await (const chunk of request) body += chunk;
    const token = new URLSearchParams(body).get("logout_token");
    const { payload } = await jwtVerify(token, this.keys, {
      issuer: this.config.serverMetadata().issuer,
      audience: this.id,
      typ: "logout+jwt",
      requiredClaims: ["iat", "exp", "jti", "events"],
    });
    if (!(LOGOUT in payload.events) || "nonce" in payload) throw new Error("no logout token");
    this.notices.push(payload);
    this.waiting.splice(0).forEach((resolve) => resolve());
  }

  /** The notice that a session of this portal ended. */
  async heardOf(sid) {
    const find = () => this.notices.find((notice) => notice.sid === sid);
    const search = async () => {
      while (!find()) await new Promise((resolve) => this.waiting.push(resolve));
      return find();
    };
    return within(`a logout notice at ${this.id}`, search());
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
