// Socket.IO 4.8 on ws: namespace /events behind an HS256 token, `ping` with an ack, POST /publish to all.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { Server } from "socket.io";

const secret = process.env.JWT_SECRET_KEY;

function verify(token) {
  const [header, payload, signature] = String(token).split(".");
  const expected = createHmac("sha256", secret).update(`${header}.${payload}`).digest();
  const given = Buffer.from(signature ?? "", "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  if (JSON.parse(Buffer.from(header, "base64url")).alg !== "HS256") return null;
  const claims = JSON.parse(Buffer.from(payload, "base64url"));
  return claims.exp > Date.now() / 1000 ? claims : null;
}

const http = createServer((request, response) => {
  if (request.method !== "POST" || request.url !== "/publish") {
    response.writeHead(404, { "Content-Length": 0 }).end();
    return;
  }
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (chunk) => (body += chunk));
  request.on("end", () => {
    const { event, payload } = JSON.parse(body);
    events.emit(event, payload);
    response.writeHead(202, { "Content-Length": 0 }).end();
  });
});

const io = new Server(http, { serveClient: false });
const events = io.of("/events");

events.use((socket, next) => {
  const claims = verify(socket.handshake.auth.token);
  if (!claims) return next(new Error("unauthorized"));
  socket.data.userId = claims.user_id;
  next();
});

events.on("connection", (socket) => {
  socket.emit("connected", { message: "connected", userId: socket.data.userId, role: "Cliente" });
  socket.on("ping", (ack) => {
    ack({ timestamp: new Date().toISOString(), userId: socket.data.userId });
  });
});

http.keepAliveTimeout = 0;
http.listen({ port: Number(process.env.PORT), host: "127.0.0.1", backlog: 4096 });
process.on("SIGTERM", () => process.exit(0));
