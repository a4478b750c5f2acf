import assert from "node:assert/strict";
import test from "node:test";

import { backoffSeconds } from "../../static/js/backoff.js";

const middle = () => 0.5;

test("waits 1, 2, 4, 8, 16 and then 30 seconds for ever", () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 500].map((n) => backoffSeconds(n, middle));
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
});

test("a thousand clients that were lost together spread over two fifths of the wait", () => {
  const waits = Array.from({ length: 1000 }, () => backoffSeconds(1));
  const fullest = Math.max(...Array.from({ length: 8 }, (_, i) => waits.filter((s) => Math.floor((s - 0.8) / 0.05) === i).length));
  assert.ok(Math.max(...waits) - Math.min(...waits) > 0.35);
  assert.ok(fullest < 250, `${fullest} of 1000 within 50 ms`);
});

test("spreads the waits so that clients do not return in step", () => {
  assert.equal(Math.round(backoffSeconds(6, () => 0)), 24);
  assert.equal(Math.round(backoffSeconds(6, () => 1)), 36);
});
