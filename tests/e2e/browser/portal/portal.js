// A portal as small as one can be: who is signed in, what the apps share, the way to the others.

const { hub, app } = await (await fetch("/portal.json")).json();
const at = (id) => document.getElementById(id);
let token;
let revision;

async function call(method, path, body, bearer) {
  const answer = await fetch(hub + path, {
    method,
    credentials: "include",
    headers: {
      ...(body && { "content-type": "application/json" }),
      ...(bearer && { authorization: `Bearer ${bearer}` }),
    },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, body: text && JSON.parse(text) };
}

function show(state) {
  if (revision > state.revision) return;
  revision = state.revision;
  at("apps").value = state.apps.join(" ");
  at("shared").value = JSON.stringify(state.data);
}

/** Joins the session of a token, and listens. */
async function enter(accessToken) {
  token = accessToken;
  const joined = await call("POST", "/api/session-sync", { app }, token);
  const session = joined.body.data.session;
  revision = -1;
  show(session);
  at("session").value = session.id;
  at("who").value = `${session.role} ${session.userId}`;

  const socket = io(`${hub}/events`, { auth: (give) => give({ token }) });
  socket.on("connected", () => {
    at("socket").value = "open";
    at("state").value = "signed in";
  });
  socket.on("session:update", (update) => {
    if (update.sessionId === session.id) show(update);
  });
  socket.on("session:revoked", ({ reason }) => {
    at("state").value = `signed out: ${reason}`;
    document.body.dataset.revokedAt = Date.now();
  });
  socket.on("disconnect", (reason) => (at("socket").value = reason));
  at("dark").onclick = () => socket.emitWithAck("session:patch", { data: { theme: "dark" }, revision });
}

async function arrive() {
  const ticket = location.pathname === "/sso" && new URLSearchParams(location.hash.slice(1)).get("ticket");
  if (ticket) {
    history.replaceState(null, "", "/");
    const redeemed = await call("POST", "/api/session-sync/redeem", { ticket });
    if (redeemed.status === 200) return enter(redeemed.body.data.access_token);
    at("refused").value = redeemed.body.title;
  }
  const { session } = (await call("GET", `/api/session-sync?app=${app}`)).body.data;
  if (session) return enter(session.accessToken);
  at("state").value = "a stranger";
}

at("sign-in").onsubmit = async (event) => {
  event.preventDefault();
  const { username, password } = Object.fromEntries(new FormData(event.target));
  const { body } = await call("POST", "/auth/login", { username, password, remember: true });
  await enter(body.access_token);
};
at("light").onclick = () => call("PATCH", "/api/session-sync", { data: { theme: "light" }, revision }, token);
at("ticket").onclick = async () => {
  const { body } = await call("POST", "/api/session-sync/ticket", { targetOrigin: at("target").value }, token);
  at("link").href = body.data.url;
};
// By the cookie, as a portal does that was just opened.
at("sign-out").onclick = () => {
  document.body.dataset.leftAt = Date.now();
  return call("DELETE", "/api/session-sync");
};
at("everywhere").onclick = () => call("DELETE", "/api/session-sync", { everywhere: true }, token);

await arrive();
