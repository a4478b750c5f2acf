import assert from "node:assert/strict";
import test from "node:test";

import { columns, hasEnded, Jobs, legalActions, place } from "../../static/js/training_state.js";

const row = (id, more = {}) => ({ id, name: id, status: "running", progress: 0, epoch: 0, totalEpochs: 5, loss: null, accuracy: null, startTime: null, ...more });
const update = (id, status, more = {}) => ({ type: "status_update", job_id: id, status, progress: 10, epoch: 1, loss: 0.5, accuracy: 0.9, ...more });
const epoch = (id, number, loss) => ({ type: "epoch_complete", job_id: id, epoch: number, train_loss: loss, val_loss: loss, train_acc: 0.5, val_acc: 0.6, learning_rate: 0.1 });
const stored = (number, loss) => ({ seq: number, data: { iteration: number, metrics: { train_loss: loss, val_loss: loss } } });

test("a job is known from the list, then from what is heard", () => {
  const jobs = new Jobs();
  assert.deepEqual(jobs.list([row("b"), row("a")]), []);
  assert.deepEqual(jobs.all().map(({ id }) => id), ["b", "a"]);
  assert.deepEqual(jobs.hear(update("a", "running")), []);
  assert.deepEqual(jobs.hear(update("a", "paused")), [{ id: "a", kind: "paused" }]);
  assert.deepEqual([jobs.get("a").loss, jobs.get("a").accuracy, jobs.get("a").totalEpochs], [0.5, 0.9, 5]);
  assert.deepEqual(jobs.hear(update("c", "pending")), [{ id: "c", kind: "new" }]);
  assert.deepEqual(jobs.all().map(({ id }) => id), ["c", "b", "a"]);
  assert.deepEqual(jobs.list([row("d"), row("c")]), [{ id: "c", kind: "running" }, { id: "d", kind: "new" }]);
});

test("the list has the newest first, whatever was heard before it", () => {
  const jobs = new Jobs();
  for (const id of ["c", "b", "a"]) jobs.hear(update(id, "running"));
  jobs.list([row("c"), row("b"), row("a")]);
  assert.deepEqual(jobs.all().map(({ id }) => id), ["c", "b", "a"]);
  jobs.hear(update("d", "pending"));
  jobs.row(row("a"));
  assert.deepEqual(jobs.all().map(({ id }) => id), ["d", "c", "b", "a"]);
});

test("an answer does not undo what was heard after the question", () => {
  const jobs = new Jobs();
  jobs.list([row("a"), row("b")]);
  const { moment } = jobs;
  jobs.hear(update("a", "stopped"));
  assert.deepEqual(jobs.list([row("c"), row("a", { status: "paused", name: "new name" }), row("b", { status: "paused" })], moment), [
    { id: "b", kind: "paused" },
    { id: "c", kind: "new" },
  ]);
  assert.deepEqual([jobs.get("a").status, jobs.get("a").name], ["stopped", "new name"]);
  jobs.hear(update("b", "running"));
  assert.deepEqual(jobs.row(row("b", { status: "paused" }), moment), []);
  assert.deepEqual(jobs.row(row("b", { status: "paused" }), jobs.moment), [{ id: "b", kind: "paused" }]);
});

test("the end is told once, whoever tells it again", () => {
  const jobs = new Jobs();
  jobs.list([row("a"), row("b"), row("c")]);
  const done = { type: "training_complete", job_id: "a", status: "completed", progress: 100, epochs: 5, metrics: {}, best: { epoch: 4, val_acc: 0.9 } };
  assert.deepEqual(jobs.hear(done), [{ id: "a", kind: "completed" }]);
  assert.deepEqual([jobs.hear(done), jobs.hear(update("a", "completed")), jobs.list([row("a", { status: "completed", epoch: 5 })])], [[], [], []]);
  assert.deepEqual([jobs.get("a").best, jobs.get("a").epoch], [{ epoch: 4, val_acc: 0.9 }, 5]);
  jobs.hear({ type: "error", job_id: "b", message: "no data" });
  assert.deepEqual(jobs.hear(update("b", "failed")), [{ id: "b", kind: "failed" }]);
  assert.equal(jobs.get("b").error, "no data");
  assert.deepEqual(jobs.hear(update("c", "stopped")), [{ id: "c", kind: "stopped" }]);
  assert.deepEqual(jobs.hear({ type: "error", job_id: null, message: "bad message" }), []);
});

test("curves are whole whichever comes first, the history or what is live", () => {
  const jobs = new Jobs();
  jobs.list([row("a")]);
  jobs.hear(epoch("a", 3, 0.3));
  jobs.history("a", [stored(1, 1), stored(2, 0.5), stored(3, 99)]);
  jobs.hear(epoch("a", 4, null));
  jobs.history("a", [stored(1, 1), stored(2, 0.5), stored(3, 99), stored(4, 99)]);
  assert.deepEqual(columns(jobs.get("a").epochs, ["train_loss", "learning_rate"]), [[1, 2, 3, 4], [1, 0.5, 0.3, null], [null, null, 0.1, 0.1]]);
});

test("an epoch that is trained again has its later value", () => {
  const jobs = new Jobs();
  jobs.hear(epoch("a", 1, 1));
  jobs.hear(epoch("a", 1, 2));
  assert.deepEqual(columns(jobs.get("a").epochs, ["train_loss"]), [[1], [2]]);
});

test("says where in the training it is", () => {
  const jobs = new Jobs();
  jobs.list([row("a")]);
  assert.equal(place(jobs.get("a")), "epoch 0 of 5");
  jobs.hear({ type: "batch_progress", job_id: "a", epoch: 1, batch: 3, total_batches: 9 });
  assert.equal(place(jobs.get("a")), "epoch 1 of 5, batch 3 of 9");
  jobs.hear(epoch("a", 1, 1));
  assert.equal(place(jobs.get("a")), "epoch 1 of 5");
});

test("a command is under way until the status changes", () => {
  const jobs = new Jobs();
  jobs.list([row("a")]);
  jobs.asked("a", "pause");
  jobs.hear(update("a", "running"));
  assert.equal(jobs.get("a").asked, "pause");
  jobs.hear(update("a", "paused"));
  assert.equal(jobs.get("a").asked, null);
});

test("only what is legal is offered", () => {
  assert.deepEqual(["pending", "running", "paused", "completed", "stopped"].map(legalActions), [["stop"], ["pause", "stop"], ["resume", "stop"], [], []]);
  assert.deepEqual(["running", "stopped", "failed"].map(hasEnded), [false, true, true]);
});
