// Node's socket.io as it comes: emits the same messages from memory to a room, at the same rate.
// node server.mjs PORT
import { createServer } from "node:http";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { pingInterval: 25000, pingTimeout: 20000, transports: ["websocket"] });
const tasks = io.of("/tasks");
const now = () => Number(process.hrtime.bigint()) / 1e9; // CLOCK_MONOTONIC, which all processes share

tasks.on("connection", (socket) => {
  socket.on("subscribe", () => {
    socket.join("task");
    socket.emit("subscribed", {});
  });
  socket.on("run", ({ n, per_second: perSecond }) => run(n, perSecond));
});

function run(n, perSecond) {
  const start = now();
  let tick = 0;
  const next = () => {
    while (tick < n && now() >= start + (tick + 1) / perSecond) {
      tick += 1;
      tell(tick, "iteration_complete", { attempt: 1, iteration: tick, metrics: { sent: now() } });
    }
    if (tick < n) setTimeout(next, Math.max(0, 1000 * (start + (tick + 1) / perSecond - now())));
    else tell(n + 1, "status_change", { attempt: 1, status: "completed" });
  };
  next();
}

function tell(seq, type, data) {
  tasks.to("task").emit("task_update", {
    task_id: "00000000-0000-0000-0000-000000000000",
    seq,
    event_type: type,
    data,
    timestamp: "2026-01-01T00:00:00.000000Z",
  });
}

http.listen(Number(process.argv[2]), "127.0.0.1", 1024, () => console.log("listening"));
