import assert from "node:assert/strict";
import test from "node:test";

import { endedBy, isTerminal, legalCommands } from "../../static/js/lifecycle.js";
import { failure, log, progress, status } from "./envelopes.mjs";

test("only completed, cancelled and an error end a task", () => {
  assert.equal(endedBy(status(1, "completed")), "completed");
  assert.equal(endedBy(status(1, "cancelled")), "cancelled");
  assert.equal(endedBy(failure(1, "boom")), "failed");
  for (const event of [status(1, "running"), status(1, "pending", { error: "boom" }), progress(1, 20, 20), log(1, "failed", "error")]) {
    assert.equal(endedBy(event), null);
  }
});

test("offers the commands that the state allows", () => {
  assert.deepEqual(legalCommands("pending", null), ["cancel"]);
  assert.deepEqual(legalCommands("running", null), ["pause", "cancel"]);
  assert.deepEqual(legalCommands("paused", null), ["resume", "cancel"]);
  assert.deepEqual(legalCommands("running", null, true), ["cancel"]);
  for (const ended of ["completed", "failed", "cancelled"]) {
    assert.ok(isTerminal(ended));
    assert.deepEqual(legalCommands(ended, null), []);
  }
});

test("while a command is pending only cancelling is left, and while cancelling nothing", () => {
  assert.deepEqual(legalCommands("running", "pause"), ["cancel"]);
  assert.deepEqual(legalCommands("running", "cancel"), []);
});
