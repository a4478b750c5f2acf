import assert from "node:assert/strict";
import test from "node:test";

import { TrainingFeed } from "../../static/js/training_feed.js";
import { fakeClock } from "./fake_clock.mjs";
import { FakeWebSocket } from "./fake_web_socket.mjs";

/** Whatever was awaited has been answered. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

function made(t) {
  FakeWebSocket.all = [];
  const clock = fakeClock(t);
  const api = { rows: [], asked: 0 };
  api.trainingJobs = async () => {
    api.asked += 1;
    if (!api.rows) throw new Error("away");
    return api.rows;
  };
  const feed = new TrainingFeed("http://h:5000", api, { open: (url) => new FakeWebSocket(url), random: () => 0.5 });
  const phases = [];
  feed.on("change", ({ phase }) => phases.at(-1) !== phase && phases.push(phase));
  feed.open();
  return { clock, api, feed, phases };
}

test("listens, and asks nobody while it hears", async (t) => {
  const { clock, api, phases } = made(t);
  assert.equal(FakeWebSocket.last.url, "ws://h:5000/ws/training/all");
  FakeWebSocket.last.open();
  clock.tick(10_000);
  await settled();
  assert.deepEqual([phases, api.asked], [["connecting", "live"], 0]);
});

test("asks every few seconds while the socket fails, says so, and stops when it stands again", async (t) => {
  const { clock, api, feed, phases } = made(t);
  const rows = [];
  feed.on("rows", (list) => rows.push(list));
  FakeWebSocket.last.open();
  clock.tick(3_000);
  FakeWebSocket.last.lose();
  assert.equal(feed.state.phase, "reconnecting");
  clock.tick(4_000);
  await settled();
  assert.deepEqual([feed.state.phase, feed.state.tries, feed.state.most, api.asked], ["polling", 1, 10, 1]);
  clock.tick(2_500);
  await settled();
  assert.equal(api.asked, 2);
  FakeWebSocket.last.open();
  clock.tick(20_000);
  await settled();
  assert.deepEqual([phases, api.asked, rows.length], [["connecting", "live", "reconnecting", "polling", "live"], 2, 2]);
});

test("a server that answers nothing is offline or reconnecting, never polling", async (t) => {
  const { clock, api, feed } = made(t);
  api.rows = null;
  FakeWebSocket.last.lose();
  clock.tick(4_000);
  await settled();
  assert.equal(feed.state.phase, "connecting");
  for (let n = 0; n < 9; n += 1) {
    FakeWebSocket.last.lose();
    clock.tick(30_000);
  }
  FakeWebSocket.last.lose();
  await settled();
  assert.equal(feed.state.phase, "offline");
});

test("given up, the socket is tried again now and then", async (t) => {
  const { clock, feed } = made(t);
  for (let n = 0; n < 10; n += 1) {
    FakeWebSocket.last.lose();
    clock.tick(30_000);
    await settled();
  }
  FakeWebSocket.last.lose();
  assert.deepEqual([feed.state.tries, feed.state.retryAt], [11, null]);
  clock.tick(30_000);
  assert.equal(FakeWebSocket.all.length, 12);
  FakeWebSocket.last.open();
  assert.equal(feed.state.phase, "live");
});

test("closed it holds nothing", async (t) => {
  const { clock, api, feed } = made(t);
  FakeWebSocket.last.lose();
  feed.close();
  clock.tick(600_000);
  await settled();
  assert.deepEqual([FakeWebSocket.all.length, api.asked], [1, 0]);
});
