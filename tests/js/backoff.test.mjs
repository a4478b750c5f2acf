import assert from "node:assert/strict";
import test from "node:test";

import { backoffSeconds } from "../../static/js/backoff.js";

const middle = () => 0.5;

test("waits 1, 2, 4, 8, 16 and then 30 seconds for ever", () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 500].map((n) => backoffSeconds(n, middle));
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
});

test("spreads the waits so that clients do not return in step", () => {
  assert.equal(Math.round(backoffSeconds(6, () => 0)), 24);
  assert.equal(Math.round(backoffSeconds(6, () => 1)), 36);
});
