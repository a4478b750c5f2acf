import assert from "node:assert/strict";
import test from "node:test";

import { UNKNOWN, expectation, ordinal, outlookOf } from "../../static/js/outlook.js";
import { resource } from "./envelopes.mjs";

const NOW = Date.parse("2026-01-01T12:00:00Z");
const said = (status, more) => expectation(status, { ...UNKNOWN, ...more }, NOW);

test("place and start are said as far as they are known", () => {
  assert.equal(said("pending", { position: 2, startsAt: "2026-01-01T12:03:20Z" }), "2nd in the queue, starts in about 3 min");
  assert.equal(said("pending", { position: 1, startsAt: "2026-01-01T11:59:00Z", seconds: 7260 }), "1st in the queue, starts in a moment, usually takes about 2 h 01 min");
  assert.equal(said("pending", { position: 3, seconds: 60 }), "3rd in the queue");
  assert.equal(said("pending", { startsAt: "2026-01-01T12:00:30Z" }), "starts in about 30 s");
  assert.equal(said("pending", {}), "");
});

test("the time left is said of a task that runs", () => {
  assert.equal(said("running", { endsAt: "2026-01-01T12:05:10Z" }), "about 5 min left, by earlier runs");
  assert.equal(said("running", {}), "");
  assert.equal(said("paused", { endsAt: "2026-01-01T12:05:10Z", position: 1 }), "");
});

test("an outlook is taken from the resource, but no time left where the task says its own", () => {
  const told = { queue_position: 4, estimated_start_at: "a", estimated_end_at: "b", expected_seconds: 5 };
  assert.deepEqual(outlookOf(resource(told)), { position: 4, startsAt: "a", seconds: 5, endsAt: "b" });
  assert.equal(outlookOf(resource({ ...told, eta_seconds: 3 })).endsAt, null);
  assert.deepEqual(outlookOf(resource()), UNKNOWN);
});

test("places are read as people say them", () => {
  assert.deepEqual([1, 2, 3, 4, 11, 12, 13, 21, 102, 111, 1000].map(ordinal), ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th", "1000th"]);
});
