// The same services as `examples/conformance.rs` on the reference Node packages, so the suites can
// be checked against a server that is known to follow the protocols: PORT=3000 node reference.js

import { createServer } from "node:http";
import { Server as Engine } from "engine.io";
import { Server } from "socket.io";
import { WebSocketServer } from "ws";

const timers = { pingInterval: 300, pingTimeout: 200, maxPayload: 1_000_000, maxHttpBufferSize: 1e6 };
const http = createServer((_, response) => response.writeHead(404).end());

const io = new Server(http, { ...timers, destroyUpgrade: false });
for (const name of ["/", "/custom"]) {
  io.of(name).on("connection", (socket) => {
    socket.emit("auth", socket.handshake.auth);
    socket.on("message", (...args) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args) => args.pop()(...args));
  });
}

const engine = new Engine({ ...timers, destroyUpgrade: false });
engine.on("connection", (socket) => {
  socket.on("data", (data) => socket.send(data));
});
const echo = new WebSocketServer({ noServer: true, maxPayload: 64 << 20, maxFragments: 1_000_000, maxBufferedChunks: 10_000_000 });
echo.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data, binary) => socket.send(data, { binary }));
});

const [first] = http.listeners("request");
http.removeAllListeners("request");
http.on("request", (request, response) =>
  request.url.startsWith("/engine.io/") ? engine.handleRequest(request, response) : first(request, response),
);
http.on("upgrade", (request, socket, head) => {
  if (request.url.startsWith("/engine.io/")) engine.handleUpgrade(request, socket, head);
  if (request.url.startsWith("/echo")) {
    echo.handleUpgrade(request, socket, head, (ws) => echo.emit("connection", ws));
  }
});
http.listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
