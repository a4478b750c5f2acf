import assert from "node:assert/strict";
import test from "node:test";

import { TaskStream } from "../../static/js/task_stream.js";
import { TASK, failure, log, progress, resource, status } from "./envelopes.mjs";
import { fakeClock } from "./fake_clock.mjs";
import { FakeConnection } from "./fake_connection.mjs";

const EPOCH = "epoch-1";

function started(options) {
  const connection = new FakeConnection();
  const stream = new TaskStream(connection, TASK, options);
  const seen = [];
  for (const name of ["reset", "resumed", "lagged", "end", "refused"]) stream.on(name, (detail) => seen.push([name, detail?.whole ?? detail?.code ?? detail]));
  stream.on("event", ({ seq }) => seen.push(seq));
  stream.start();
  connection.up();
  return { connection, stream, seen, seqs: () => seen.filter(Number.isInteger) };
}

function answer(lastSeq, recovered, more = {}) {
  return { task_id: TASK, epoch: EPOCH, last_seq: lastSeq, task: resource(), ...(recovered === undefined ? {} : { recovered }), ...more };
}

const first = (n, from = 1) => Array.from({ length: n }, (_, i) => log(from + i, "line"));

test("asks for the whole history and delivers it in order", () => {
  const { connection, seen } = started();
  assert.deepEqual(connection.lastRequest, { task_id: TASK, since: 0 });
  connection.subscribed(answer(3, true));
  connection.events(...first(3));
  assert.deepEqual(seen, [["reset", true], 1, 2, 3]);
});

test("resumes at its last seq with the epoch and drops what it had", () => {
  const { connection, seen, seqs } = started();
  connection.subscribed(answer(2, true));
  connection.events(...first(2));
  connection.down();
  connection.up();
  assert.deepEqual(connection.lastRequest, { task_id: TASK, since: 2, epoch: EPOCH });
  connection.subscribed(answer(4, true));
  connection.events(...first(4));
  assert.deepEqual(seqs(), [1, 2, 3, 4]);
  assert.equal(seen.filter(Array.isArray).filter(([name]) => name === "reset").length, 1);
});

test("a lost connection is not the end of the task, however often", () => {
  const { connection, seen, seqs } = started();
  for (let n = 1; n <= 50; n += 1) {
    connection.subscribed(answer(n, true));
    connection.events(log(n, "line"));
    connection.down();
    connection.up();
  }
  assert.equal(seqs().length, 50);
  assert.ok(!seen.filter(Array.isArray).some(([name]) => name === "end" || name === "refused"));
});

test("events that arrive before the answer belong to an older subscription", () => {
  const { connection, seqs } = started();
  connection.events(log(7, "stray"));
  connection.subscribed(answer(1, true));
  connection.events(log(1, "line"));
  assert.deepEqual(seqs(), [1]);
});

test("a missing number is asked for again and never skipped", (t) => {
  const clock = fakeClock(t);
  const { connection, seqs } = started();
  connection.subscribed(answer(2, true));
  connection.events(log(1, "line"), log(3, "line"));
  assert.deepEqual(seqs(), [1]);
  clock.tick(2000);
  assert.equal(connection.lastRequest.since, 1);
  connection.subscribed(answer(3, true));
  connection.events(...first(2, 2));
  assert.deepEqual(seqs(), [1, 2, 3]);
});

test("superseded progress may be missing once that was announced", () => {
  const { connection, seen, seqs } = started();
  connection.subscribed(answer(9, true));
  connection.events(log(1, "line"));
  connection.fire("lagged", { task_id: TASK, from_seq: 2, to_seq: 6, skipped: 4 });
  connection.events(log(4, "line"), log(7, "line"), log(8, "line"));
  assert.deepEqual(seqs(), [1, 4, 7, 8]);
  assert.equal(seen.filter(Array.isArray).filter(([name]) => name === "lagged").length, 1);
});

test("several skipped stretches in a row are one", () => {
  const { connection, seqs } = started();
  connection.subscribed(answer(20, true));
  connection.events(log(1, "line"));
  connection.fire("lagged", { task_id: TASK, from_seq: 7, to_seq: 9, skipped: 2 });
  connection.fire("lagged", { task_id: TASK, from_seq: 2, to_seq: 6, skipped: 5 });
  connection.events(log(10, "line"), log(11, "line"));
  assert.deepEqual(seqs(), [1, 10, 11]);
});

test("no hole before or after a skipped stretch is accepted", () => {
  for (const seq of [10, 12]) {
    const { connection, seqs } = started();
    connection.subscribed(answer(20, true));
    connection.events(log(1, "line"));
    connection.fire("lagged", { task_id: TASK, from_seq: seq === 10 ? 4 : 2, to_seq: 9, skipped: 2 });
    connection.events(log(seq, "line"));
    assert.deepEqual(seqs(), [1]);
  }
});

test("a connection that breaks within a skipped stretch resumes at the last event that came", (t) => {
  const clock = fakeClock(t);
  const { connection, seqs } = started();
  connection.subscribed(answer(9, true));
  connection.fire("lagged", { task_id: TASK, from_seq: 1, to_seq: 8, skipped: 5 });
  connection.events(log(3, "line"));
  connection.down();
  connection.up();
  assert.equal(connection.lastRequest.since, 3);
  connection.subscribed(answer(9, true));
  connection.events(log(5, "line"));
  assert.deepEqual(seqs(), [3]);
  clock.tick(2000);
  assert.equal(connection.lastRequest.since, 3);
});

test("a reset that nobody asked for starts a new run from the latest state", () => {
  const { connection, seen } = started();
  connection.subscribed(answer(3, true));
  connection.events(...first(3));
  connection.subscribed(answer(40, false));
  connection.events(status(12, "running"), progress(38, 9), log(41, "live"), log(42, "live"));
  assert.deepEqual(seen, [["reset", true], 1, 2, 3, ["reset", false], 12, 38, 41, 42]);
  assert.equal(connection.requests.length, 1);
  connection.down();
  connection.up();
  assert.deepEqual(connection.lastRequest, { task_id: TASK, since: 42, epoch: EPOCH });
});

test("after such a reset a hole is asked for", () => {
  const { connection, seqs } = started();
  connection.subscribed(answer(3, true));
  connection.subscribed(answer(40, false));
  connection.events(status(12, "running"), log(42, "live"));
  assert.deepEqual(seqs(), [12]);
});

test("an answer that comes twice changes nothing", () => {
  const { connection, seen } = started();
  connection.subscribed(answer(3, true));
  connection.events(...first(2));
  connection.subscribed(answer(3, true));
  connection.events(...first(3));
  assert.deepEqual(seen, [["reset", true], 1, 2, 3]);
});

test("an end that was cut off together with a reset is asked for", () => {
  const { connection, seen } = started();
  const ended = { task: resource({ status: "completed" }) };
  connection.subscribed(answer(40, false, ended));
  connection.events(progress(38, 9));
  connection.down();
  connection.up();
  assert.equal(connection.lastRequest.since, 40);
  connection.subscribed(answer(40, true, ended));
  assert.equal(connection.lastRequest.since, 39);
  connection.subscribed(answer(40, true, ended));
  connection.events(status(40, "completed"));
  assert.deepEqual(seen.at(-1), ["end", "completed"]);
});

test("who begins at the end still learns it", () => {
  const { connection, seen } = started({ since: 7 });
  const ended = { task: resource({ status: "completed" }) };
  connection.subscribed(answer(7, true, ended));
  assert.equal(connection.lastRequest.since, 6);
  connection.subscribed(answer(7, true, ended));
  connection.events(status(7, "completed"));
  assert.deepEqual(seen.at(-1), ["end", "completed"]);
});

test("another journal starts the picture over from its first event", () => {
  const { connection, seen } = started();
  connection.subscribed(answer(2, true));
  connection.events(...first(2));
  connection.down();
  connection.up();
  connection.subscribed(answer(1, false, { epoch: "epoch-2" }));
  connection.events(status(1, "running"));
  assert.deepEqual(connection.lastRequest, { task_id: TASK, since: 0 });
  connection.subscribed(answer(1, true, { epoch: "epoch-2" }));
  connection.events(status(1, "running"));
  assert.deepEqual(seen, [["reset", true], 1, 2, ["reset", true], 1]);
});

test("a history whose beginning is lost is not passed off as whole", () => {
  const { connection, seen } = started();
  connection.subscribed(answer(40, false));
  connection.events(status(12, "running"), progress(38, 9), log(41, "live"));
  assert.deepEqual(seen, [["reset", false], 12, 38, 41]);
  connection.down();
  connection.up();
  assert.equal(connection.lastRequest.since, 41);
});

test("the latest state alone can be asked for, and goes on behind it", () => {
  const { connection, seen } = started({ since: null });
  assert.deepEqual(connection.lastRequest, { task_id: TASK });
  connection.subscribed(answer(40));
  connection.events(status(12, "running"));
  connection.down();
  connection.up();
  assert.equal(connection.lastRequest.since, 40);
  connection.subscribed(answer(41, true));
  connection.events(log(41, "line"));
  assert.deepEqual(seen.filter(Number.isInteger), [12, 41]);
});

for (const [event, expected] of [[status(2, "completed"), "completed"], [status(2, "cancelled"), "cancelled"], [failure(2, "boom"), "failed"]]) {
  test(`ends by its terminal event: ${expected}`, () => {
    const { connection, seen } = started();
    connection.subscribed(answer(2, true));
    connection.events(status(1, "running"), event);
    assert.deepEqual(seen.at(-1), ["end", expected]);
    assert.deepEqual(connection.sent, [{ name: "unsubscribe", message: { task_id: TASK } }]);
    connection.down();
    connection.up();
    assert.equal(connection.requests.length, 1);
  });
}

test("an unknown task is told once and not asked for again", async () => {
  const { connection, seen } = started();
  connection.requests[0].resolve({ ok: false, code: "not_found", message: "no such task" });
  await Promise.resolve();
  connection.down();
  connection.up();
  assert.deepEqual(seen, [["refused", "not_found"]]);
  assert.equal(connection.requests.length, 1);
});

test("a server that cannot answer now is asked again later", async (t) => {
  const clock = fakeClock(t);
  const { connection, seen } = started();
  connection.requests[0].resolve({ ok: false, code: "unavailable", message: "try again" });
  await Promise.resolve();
  clock.tick(2000);
  assert.equal(connection.requests.length, 2);
  connection.requests[1].reject(new Error("timeout"));
  await Promise.resolve();
  await Promise.resolve();
  clock.tick(3000);
  assert.equal(connection.requests.length, 3);
  assert.deepEqual(seen, []);
});

test("another task's events are not its own", () => {
  const { connection, seqs } = started();
  connection.subscribed(answer(1, true));
  connection.events({ ...log(1, "line"), task_id: "another" });
  assert.deepEqual(seqs(), []);
});

test("nothing is delivered after stop", () => {
  const { connection, stream, seqs } = started();
  connection.subscribed(answer(0, true));
  stream.stop();
  connection.events(log(1, "line"));
  assert.deepEqual(seqs(), []);
});
