import assert from "node:assert/strict";
import test from "node:test";

import { Problem, serverAddress } from "../../static/js/api.js";
import { addressFor, addressState } from "../../static/js/address.js";
import { ago, duration, number, words } from "../../static/js/format.js";

test("durations are read at a glance", () => {
  assert.deepEqual([0, 59, 61, 3600, 90_000].map(duration), ["0 s", "59 s", "1 min 01 s", "1 h 00 min", "1 d 1 h"]);
  assert.deepEqual([1, 30, 185, 7200].map(ago), ["just now", "30 s ago", "3 min ago", "2 h 00 min ago"]);
});

test("numbers show what is significant", () => {
  assert.deepEqual([49.4521, 0, 0.00012, 1234.56, null, "nan"].map(number), ["49.45", "0", "1.20e-4", "1\u202f234.6", "–", "nan"]);
});

test("names read as words", () => {
  assert.deepEqual(["max_temp", "bom_file", "Bom File", "power-bus", "-x"].map(words), ["Max temp", "BOM file", "Bom File", "Power bus", "-x"]);
});

test("a server address is http or https and nothing else", () => {
  assert.equal(serverAddress("127.0.0.1:5000/"), "http://127.0.0.1:5000");
  assert.equal(serverAddress("https://host/prefix/"), "https://host/prefix");
  for (const bad of ["", "javascript:alert(1)", "ftp://host", "http://"]) assert.throws(() => serverAddress(bad));
});

test("the address bar keeps the task, and the server only when it is another one", () => {
  const here = { origin: "http://a", search: "?task=t1", pathname: "/demo" };
  assert.deepEqual(addressState(here), { taskId: "t1", server: "http://a" });
  assert.equal(addressFor({ taskId: "t1", server: "http://a" }, here), "?task=t1");
  assert.equal(addressFor({ taskId: null, server: "http://a" }, here), "/demo");
  assert.equal(addressFor({ taskId: "t1", server: "http://b" }, here), "?task=t1&server=http%3A%2F%2Fb");
});

test("a problem speaks its detail", () => {
  assert.equal(new Problem(409, { title: "Conflict", detail: "a paused task cannot be paused" }).message, "a paused task cannot be paused");
  assert.equal(new Problem(502).message, "The server answered 502.");
});
