// Node's socket.io as it comes, as one side of `benchmarks.fanout`; its orders are those of benchmarks/fanout/servers.
// node fanout.mjs CONTROL_PORT
import { createServer } from "node:http";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { pingInterval: 25000, pingTimeout: 20000, transports: ["websocket"], serveClient: false });
const tasks = io.of("/tasks");
const now = () => Number(process.hrtime.bigint()) / 1e9; // CLOCK_MONOTONIC, which all processes share
const control = connect(Number(process.argv[2]), "127.0.0.1");
const say = (line) => control.write(`${line}\n`);
let seq = 1000000;
let credit = 0;
let waiting = null;

tasks.on("connection", (socket) => {
  socket.on("join", (_data, answer) => {
    socket.join("all");
    answer({});
  });
});

function emit() {
  seq += 1;
  tasks.to("all").emit("task_update", {
    task_id: "00000000-0000-4000-8000-000000000001",
    seq,
    event_type: "iteration_complete",
    data: { attempt: 1, iteration: seq, metrics: { loss: 0.125, sent: Math.floor(now() * 1e6) } },
    timestamp: "2026-01-01T00:00:00.000000Z",
  });
}

async function run(perTurn, rate, seconds) {
  const begun = now();
  let turns = 0;
  while (now() < begun + seconds) {
    while (!credit) await new Promise((resolve) => (waiting = resolve));
    credit -= 1;
    for (let event = 0; event < perTurn; event += 1) emit();
    turns += 1;
    const left = rate ? begun + turns / rate - now() : 0;
    await new Promise((resolve) => (left > 0 ? setTimeout(resolve, 1000 * left) : setImmediate(resolve)));
  }
  say(`done ${turns}`);
}

function obey(line) {
  const [verb, ...words] = line.split(" ");
  if (verb === "credit") {
    credit += Number(words[0]);
    waiting?.();
  } else if (verb === "run") {
    credit = Number(words[3]);
    run(Number(words[0]), Number(words[1]), Number(words[2]));
  } else if (verb === "collect") {
    global.gc();
    say("done 0");
  }
}

control.setNoDelay();
createInterface({ input: control }).on("line", obey).on("close", () => process.exit());
http.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => say(`ready ${http.address().port}`));
