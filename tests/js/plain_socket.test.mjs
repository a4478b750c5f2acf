import assert from "node:assert/strict";
import test from "node:test";

import { PlainSocket } from "../../static/js/plain_socket.js";
import { fakeClock } from "./fake_clock.mjs";
import { FakeWebSocket } from "./fake_web_socket.mjs";

function made(t, options = {}) {
  FakeWebSocket.all = [];
  const clock = fakeClock(t);
  const socket = new PlainSocket("ws://x/", { open: (url) => new FakeWebSocket(url), random: () => 0.5, ...options });
  const phases = [];
  socket.on("change", ({ phase, tries }) => phases.push(`${phase} ${tries}`));
  socket.connect();
  return { clock, socket, phases };
}

test("says where it stands from the first try to the end", (t) => {
  const { clock, socket, phases } = made(t);
  FakeWebSocket.last.open();
  clock.tick(5_000);
  FakeWebSocket.last.lose(1012, "restart");
  assert.equal(socket.state.reason, "restart");
  clock.tick(1_000);
  FakeWebSocket.last.open();
  socket.disconnect();
  assert.deepEqual(phases, ["connecting 0", "connected 0", "reconnecting 1", "reconnecting 1", "connected 0", "disconnected 0"]);
});

test("waits 1, 2, 4, 8, 16, then 30 seconds, ten times, and then gives up until it is asked again", (t) => {
  const { clock, socket } = made(t);
  const waits = [];
  for (let n = 0; n < 10; n += 1) {
    FakeWebSocket.last.lose();
    waits.push((socket.state.retryAt - Date.now()) / 1000);
    clock.tick(waits.at(-1) * 1000);
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]);
  assert.equal(socket.state.tries, 10);
  FakeWebSocket.last.lose();
  assert.deepEqual([socket.getStatus(), FakeWebSocket.all.length], ["error", 11]);
  clock.tick(3_600_000);
  assert.equal(FakeWebSocket.all.length, 11);
  socket.connect();
  assert.deepEqual([socket.getStatus(), socket.state.tries, FakeWebSocket.all.length], ["connecting", 0, 12]);
});

test("never gives up when it is told so", (t) => {
  const { clock, socket } = made(t, { tries: null });
  for (let n = 0; n < 50; n += 1) {
    FakeWebSocket.last.lose();
    clock.tick(30_000);
  }
  assert.deepEqual([socket.getStatus(), FakeWebSocket.all.length], ["connecting", 51]);
});

test("a connection that falls at once counts as a failed try", (t) => {
  const { clock, socket } = made(t);
  for (let n = 0; n < 3; n += 1) {
    FakeWebSocket.last.open();
    FakeWebSocket.last.lose();
    clock.tick(30_000);
  }
  assert.equal(socket.state.tries, 3);
});

test("keeps a hundred messages while it is away, and sends them in order", (t) => {
  const { socket } = made(t);
  for (let n = 0; n < 120; n += 1) assert.equal(socket.send({ n }), false);
  socket.on("open", () => socket.send({ first: true }));
  FakeWebSocket.last.open();
  assert.deepEqual(FakeWebSocket.last.sent, [{ first: true }, ...Array.from({ length: 100 }, (_, n) => ({ n: n + 20 }))]);
  assert.deepEqual([socket.getStats().dropped, socket.getStats().waiting], [20, 0]);
  assert.equal(socket.send({ last: true }), true);
});

test("a refusal is final", (t) => {
  const { clock, socket } = made(t);
  FakeWebSocket.last.open().lose(1008, "no such job");
  clock.tick(60_000);
  assert.deepEqual([socket.getStatus(), socket.state.reason, FakeWebSocket.all.length], ["error", "no such job", 1]);
});

test("beats every 30 seconds, and is lost after two that nothing has answered", (t) => {
  const { clock, socket } = made(t, { heartbeat: { action: "ping" } });
  const first = FakeWebSocket.last.open();
  clock.tick(30_000);
  first.say({ type: "pong" });
  for (let n = 0; n < 2; n += 1) clock.tick(30_000);
  assert.deepEqual([first.sent.length, socket.getStatus()], [3, "connected"]);
  clock.tick(30_000);
  assert.deepEqual([first.closedWith, socket.getStatus(), socket.state.reason], [4000, "reconnecting", "no answer"]);
  first.say({ type: "late" });
  assert.equal(socket.getStats().received, 1);
});

test("a try that is not answered is a failed one", (t) => {
  const { clock, socket } = made(t);
  clock.tick(12_000);
  assert.deepEqual([FakeWebSocket.last.closedWith, socket.state.tries], [4000, 1]);
});

test("an address that cannot be opened is a failed try", (t) => {
  const { socket } = made(t, {
    open: () => {
      throw new Error("blocked");
    },
  });
  assert.deepEqual([socket.getStatus(), socket.state.reason, socket.state.tries], ["connecting", "blocked", 1]);
});

test("suspended it holds nothing but what waits", (t) => {
  const { clock, socket } = made(t, { heartbeat: { action: "ping" } });
  FakeWebSocket.last.open();
  socket.suspend();
  socket.send({ kept: true });
  clock.tick(600_000);
  assert.deepEqual([FakeWebSocket.all.length, FakeWebSocket.last.closedWith, socket.getStatus()], [1, 1000, "disconnected"]);
  socket.connect();
  FakeWebSocket.last.open();
  assert.deepEqual(FakeWebSocket.last.sent, [{ kept: true }]);
});

test("what is no JSON is a sign of life and nothing else", (t) => {
  const { socket } = made(t);
  const heard = [];
  socket.on("message", (message) => heard.push(message));
  FakeWebSocket.last.open().say("{");
  FakeWebSocket.last.say({ a: 1 });
  assert.deepEqual(heard, [{ a: 1 }]);
});
