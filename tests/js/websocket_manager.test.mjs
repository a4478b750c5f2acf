import assert from "node:assert/strict";
import test from "node:test";

import { Emitter } from "../../static/js/emitter.js";
import { WebSocketManager } from "../../static/js/websocket_manager.js";
import { fakeClock } from "./fake_clock.mjs";
import { FakeWebSocket } from "./fake_web_socket.mjs";

class Page extends Emitter {
  visibilityState = "visible";
  listeners = 0;
  defaultView = this;

  addEventListener(name, listener) {
    this.listeners += 1;
    this[name] = listener;
  }

  removeEventListener(name) {
    this.listeners -= 1;
    this[name] = null;
  }
}

function made(t, options = {}) {
  FakeWebSocket.all = [];
  const clock = fakeClock(t);
  const page = new Page();
  const open = (url) => new FakeWebSocket(url);
  return { clock, page, manager: new WebSocketManager("http://h:5000/ws/realtime", { open, page, random: () => 0.5, ...options }) };
}

const subscribe = (topic) => ({ action: "subscribe", topic });
const unsubscribe = (topic) => ({ action: "unsubscribe", topic });

test("hands each message of a topic to its callbacks, and subscribes anew after a loss", (t) => {
  const { clock, manager } = made(t);
  const heard = [];
  manager.subscribe("alerts", (message) => heard.push(message.title));
  manager.connect();
  const first = FakeWebSocket.last.open();
  assert.equal(first.url, "ws://h:5000/ws/realtime");
  assert.deepEqual(first.sent, [unsubscribe("stats"), subscribe("alerts")]);
  manager.subscribe("logs", (message) => heard.push(message.count ?? message.message));
  manager.subscribe("logs", () => heard.push("second"));
  assert.deepEqual(first.sent.at(-1), subscribe("logs"));
  first.say({ type: "subscription", topic: "alerts", success: true });
  first.say({ type: "alert", topic: "alerts", title: "one" });
  first.say({ type: "batch", topic: "logs", count: 7, items: [] });
  first.say({ type: "alert", topic: "unknown", title: "nobody's" });
  assert.deepEqual(heard, ["one", 7, "second"]);
  first.lose();
  clock.tick(1_000);
  assert.deepEqual(FakeWebSocket.last.open().sent, [unsubscribe("stats"), subscribe("alerts"), subscribe("logs")]);
});

test("a topic is left with its last callback", (t) => {
  const { manager } = made(t);
  manager.connect();
  const socket = FakeWebSocket.last.open();
  const end = manager.subscribe("stats", () => {});
  const other = () => {};
  manager.subscribe("stats", other);
  end();
  assert.deepEqual(socket.sent, [unsubscribe("stats"), subscribe("stats")]);
  manager.unsubscribe("stats", other);
  manager.unsubscribe("stats");
  assert.deepEqual(socket.sent, [unsubscribe("stats"), subscribe("stats"), unsubscribe("stats")]);
  assert.throws(() => manager.subscribe("stats"), TypeError);
});

test("tells of connections, losses and errors, whether it is assigned a function or called with one", (t) => {
  const { clock, manager } = made(t);
  const told = [];
  manager.onConnect = ({ client_id: id }) => told.push(`connected ${id}`);
  manager.onDisconnect(() => told.push("lost"));
  manager.onError((error) => told.push(error.message));
  manager.onStatusChange = ({ status, tries }) => told.push(`${status} ${tries}`);
  manager.connect();
  FakeWebSocket.last.open().say({ type: "connected", client_id: "c", available_topics: [] });
  FakeWebSocket.last.say({ type: "error", message: "no such topic" });
  clock.tick(5_000);
  FakeWebSocket.last.lose();
  assert.deepEqual(told, ["connecting 0", "connected 0", "connected c", "no such topic", "reconnecting 1", "lost"]);
  assert.deepEqual([manager.getStats().clientId, manager.getStats().tries, manager.getStats().most], ["c", 1, 10]);
});

test("a callback that fails keeps nothing from the others", (t) => {
  const { manager } = made(t);
  const heard = [];
  manager.onError = (problem) => heard.push(problem.message);
  manager.subscribe("rules", () => {
    throw new Error("mine");
  });
  manager.subscribe("rules", () => heard.push("theirs"));
  manager.connect();
  FakeWebSocket.last.open().say({ type: "rule_change", topic: "rules" });
  assert.deepEqual(heard, ["mine", "theirs"]);
});

test("what is sent while it is away leaves after the subscriptions", (t) => {
  const { manager } = made(t);
  manager.subscribe("logs", () => {});
  manager.send({ action: "ping" });
  manager.connect();
  assert.deepEqual(FakeWebSocket.last.open().sent, [unsubscribe("stats"), subscribe("logs"), { action: "ping" }]);
});

test("a page that is hidden or left holds no connection, and one that is shown again has it back", (t) => {
  const { page, manager } = made(t);
  manager.connect();
  FakeWebSocket.last.open();
  page.visibilityState = "hidden";
  page.visibilitychange();
  assert.deepEqual([FakeWebSocket.last.closedWith, manager.getStatus()], [1000, "disconnected"]);
  page.visibilityState = "visible";
  page.visibilitychange();
  assert.equal(FakeWebSocket.all.length, 2);
  page.pagehide();
  assert.equal(manager.getStatus(), "disconnected");
  page.pageshow();
  assert.equal(FakeWebSocket.all.length, 3);
  manager.disconnect();
  assert.deepEqual([page.listeners, manager.getStatus()], [0, "disconnected"]);
});

test("a token goes into the address", (t) => {
  const { manager } = made(t, { token: "a b" });
  manager.connect();
  assert.equal(FakeWebSocket.last.url, "ws://h:5000/ws/realtime?token=a+b");
});
