import assert from "node:assert/strict";
import test from "node:test";

import { UNKNOWN } from "../../static/js/outlook.js";
import { MAX_LOG_LINES, MAX_POINTS, hasOutlook, initialState, lagged, reduce, seeded, withOutlook, withResource } from "../../static/js/task_state.js";
import { TASK, envelope, failure, iteration, log, progress, resource, status } from "./envelopes.mjs";

const after = (...events) => events.reduce(reduce, seeded(resource(), true));

test("follows a task from pending to completed", () => {
  const state = after(
    status(1, "pending"),
    status(2, "running", { message: "started" }),
    progress(3, 7),
    iteration(4, 7, { max_temp: 51.5 }),
    status(5, "completed", { result: { final_iteration: 7 } }),
  );
  assert.equal(state.status, "completed");
  assert.equal(state.progress.current, 7);
  assert.equal(state.progress.percent, 100);
  assert.equal(state.progress.eta, null);
  assert.deepEqual(state.metrics, { max_temp: 51.5 });
  assert.deepEqual(state.result, { final_iteration: 7 });
  assert.equal(state.startedAt, "2026-01-01T00:00:02.000Z");
  assert.equal(state.endedAt, "2026-01-01T00:00:05.000Z");
  assert.equal(state.lastSeq, 5);
});

test("never changes the state that it is given", () => {
  const before = Object.freeze(seeded(resource(), true));
  reduce(before, status(1, "running"));
  assert.deepEqual(before, seeded(resource(), true));
});

test("a failure keeps its reason, its traceback and what was reported before", () => {
  const state = after(status(1, "running"), progress(2, 3), iteration(3, 3, { loss: 1 }), failure(4, "no mass", "Traceback …"));
  assert.equal(state.status, "failed");
  assert.equal(state.error, "no mass");
  assert.equal(state.traceback, "Traceback …");
  assert.equal(state.progress.percent, 15);
  assert.deepEqual(state.metrics, { loss: 1 });
});

test("an unknown total stays unknown", () => {
  assert.equal(after(status(1, "running"), progress(2, 3, null)).progress.total, null);
});

test("a task that is silent is stalled until it reports, ends or starts anew", () => {
  const silent = [status(1, "running"), status(2, "running", { message: "stalled: nothing …", stalled: true })];
  assert.equal(after(...silent).stalled, true);
  assert.equal(after(...silent, log(3, "where it stands")).stalled, true);
  assert.equal(after(...silent, status(3, "running", { message: "pausing" })).stalled, true);
  assert.equal(after(...silent, status(3, "running", { stalled: false })).stalled, false);
  assert.equal(after(...silent, status(3, "paused")).stalled, false);
  assert.equal(after(...silent, failure(3, "lost")).stalled, false);
  assert.equal(after(...silent, status(3, "pending"), status(4, "running", { attempt: 2 })).stalled, false);
  assert.equal(seeded(resource({ status: "running", stalled: true }), false).stalled, true);
});

test("another attempt starts its progress anew and says why", () => {
  const state = after(
    status(1, "running"),
    progress(2, 12),
    status(3, "pending", { error: "worker died", retry_at: "2026-01-01T00:01:00Z" }),
    status(4, "running", { attempt: 2 }),
  );
  assert.equal(state.attempt, 2);
  assert.equal(state.progress.current, null);
  assert.equal(state.progress.percent, 0);
  assert.deepEqual(state.log.map((line) => line.message), ["running", "pending: worker died", "running"]);
});

test("an iteration that is repeated replaces the points after it", () => {
  const state = after(iteration(1, 1, { loss: 3 }), iteration(2, 2, { loss: 2 }), iteration(3, 3, { loss: 1 }), iteration(4, 2, { loss: 9 }));
  assert.deepEqual(state.history.map((point) => [point.iteration, point.metrics.loss]), [[1, 3], [2, 9]]);
});

test("a metric that JSON cannot carry is shown by its word", () => {
  assert.deepEqual(after(iteration(1, 1, { loss: null, accuracy: 0.5 }, { nonfinite: { loss: "nan" } })).metrics, { loss: "nan", accuracy: 0.5 });
});

test("log and history are bounded and what was dropped is counted", () => {
  let state = initialState(TASK);
  for (let seq = 1; seq <= MAX_LOG_LINES + 10; seq += 1) state = reduce(state, log(seq, `line ${seq}`));
  assert.equal(state.log.length, MAX_LOG_LINES);
  assert.equal(state.log[0].message, "line 11");
  assert.equal(state.logDropped, 10);
  for (let n = 1; n <= MAX_POINTS + 10; n += 1) state = reduce(state, iteration(MAX_LOG_LINES + 10 + n, n, { loss: n }));
  assert.equal(state.history.length, MAX_POINTS);
  assert.equal(state.history.at(-1).iteration, MAX_POINTS + 10);
});

test("an event type of a later version moves the cursor and nothing else", () => {
  const state = after(status(1, "running"), envelope(2, "hologram", {}));
  assert.equal(state.lastSeq, 2);
  assert.equal(state.status, "running");
});

test("without the whole history the resource supplies the picture", () => {
  const state = seeded(resource({ status: "running", current_iteration: 9, max_iterations: 20, progress_percent: 45, metrics: { loss: 2 } }), false);
  assert.equal(state.whole, false);
  assert.equal(state.status, "running");
  assert.equal(state.progress.current, 9);
  assert.deepEqual(state.metrics, { loss: 2 });
});

test("a command is pending until an event shows its effect, and an older resource does not bring it back", () => {
  const asked = withResource(after(status(1, "running")), resource({ pending_command: "pause", last_seq: 1 }));
  assert.equal(asked.pendingCommand, "pause");
  const paused = reduce(asked, status(2, "paused"));
  assert.equal(paused.pendingCommand, null);
  assert.equal(withResource(paused, resource({ pending_command: "pause", last_seq: 1 })).pendingCommand, null);
});

test("progress that was skipped is counted", () => {
  assert.equal(lagged(lagged(initialState(TASK), { skipped: 3 }), { skipped: 4 }).skipped, 7);
});

test("says whom the task waits for, until they have completed", () => {
  const waiting = seeded(resource({ waiting_on: ["a", "b"] }), true);
  assert.deepEqual(waiting.waitingOn, ["a", "b"]);
  const fewer = reduce(waiting, status(1, "pending", { waiting_on: ["b"] }));
  assert.deepEqual(fewer.waitingOn, ["b"]);
  assert.deepEqual(reduce(fewer, status(2, "pending")).waitingOn, ["b"]);
  assert.deepEqual(reduce(fewer, status(2, "pending", { waiting_on: [] })).waitingOn, []);
});

test("what can be expected is kept until the status changes, and an answer about another status is none", () => {
  const answer = resource({ queue_position: 2, estimated_start_at: "2026-01-01T00:03:00Z", estimated_end_at: "2026-01-01T00:04:00Z", expected_seconds: 60 });
  const waiting = withOutlook(after(status(1, "pending")), answer);
  const outlook = { position: 2, startsAt: "2026-01-01T00:03:00Z", seconds: 60, endsAt: "2026-01-01T00:04:00Z" };
  assert.deepEqual(waiting.outlook, outlook);
  assert.deepEqual(withResource(waiting, resource()).outlook, outlook);
  assert.deepEqual(reduce(waiting, status(2, "pending")).outlook, outlook);
  const running = reduce(waiting, status(2, "running"));
  assert.deepEqual(running.outlook, UNKNOWN);
  assert.deepEqual(withOutlook(running, answer).outlook, UNKNOWN);
});

test("a task that tells its own time left, or has ended, has no other outlook", () => {
  const running = after(status(1, "running"));
  assert.ok(hasOutlook(after(status(1, "pending"))) && hasOutlook(running));
  assert.ok(!hasOutlook(reduce(running, progress(2, 3))));
  assert.ok(!hasOutlook(reduce(running, failure(2, "no"))) && !hasOutlook(reduce(running, status(2, "paused"))));
});
