import assert from "node:assert/strict";
import test from "node:test";

import { Connection } from "../../static/js/connection.js";
import { Emitter } from "../../static/js/emitter.js";
import { fakeClock } from "./fake_clock.mjs";

class FakeSocket extends Emitter {
  attempts = 0;
  asked = [];

  timeout(ms) {
    return {
      emitWithAck: (name) => {
        let settle;
        const answer = new Promise((resolve, reject) => (settle = { resolve, reject }));
        this.asked.push({ name, ms, ...settle });
        return answer;
      },
    };
  }

  onAny(listener) {
    this.any = listener;
  }

  connect() {
    this.attempts += 1;
  }

  disconnect() {
    this.closed = true;
  }

  off() {
    this.left = true;
  }

  offAny() {}
}

function opened(t, serializer = null) {
  const clock = fakeClock(t);
  const socket = new FakeSocket();
  let asked;
  const connect = (url, options) => {
    asked = { url, options };
    return socket;
  };
  const packed = new FakeSocket();
  const dial = (_url, options) => Object.assign(packed, { options });
  const client = async () => ({ connect: dial, options: { transports: ["websocket"] } });
  const find = async () => serializer;
  const connection = new Connection("http://127.0.0.1:5000/prefix", { connect, random: () => 0.5, find, client });
  const phases = [];
  connection.on("change", ({ phase, tries }) => phases.push(`${phase} ${tries}`));
  connection.open();
  return { clock, socket, packed, connection, phases, asked };
}

const settled = async () => {
  for (let turn = 0; turn < 10; turn += 1) await null;
};

test("a server that speaks otherwise is spoken to so at once", async (t) => {
  const { socket, packed, connection } = opened(t, "msgpack");
  socket.fire("disconnect", "transport close");
  await settled();
  assert.equal(packed.attempts, 1);
  assert.deepEqual(packed.options.transports, ["websocket"]);
  assert.ok(socket.left);
  packed.fire("connect");
  assert.ok(connection.live);
  packed.fire("disconnect", "transport close");
  await settled();
  assert.equal(packed.attempts, 1);
});

test("one that speaks as before, or says nothing, is tried again in its time", async (t) => {
  for (const said of [null, "json"]) {
    const { socket, packed, clock } = opened(t, said);
    socket.fire("connect_error", new Error("refused"));
    await settled();
    assert.equal(packed.attempts, 0);
    assert.equal(socket.attempts, 1);
  }
});

test("connects to the namespace, under a path prefix too", (t) => {
  const { asked } = opened(t);
  assert.equal(asked.url, "http://127.0.0.1:5000/tasks");
  assert.equal(asked.options.path, "/prefix/socket.io/");
});

test("a first connection that fails is tried for ever, ever more slowly", (t) => {
  const { clock, socket, connection } = opened(t);
  const waits = [];
  for (let n = 1; n <= 9; n += 1) {
    socket.fire("connect_error", new Error("refused"));
    assert.equal(connection.state.phase, "connecting");
    assert.equal(connection.state.tries, n);
    waits.push(Math.round((connection.state.retryAt - Date.now()) / 1000));
    clock.tick(30_000);
    assert.equal(socket.attempts, n + 1);
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 30, 30, 30, 30]);
});

test("a lost connection reads as reconnecting and its count starts over once it stands", (t) => {
  const { clock, socket, connection, phases } = opened(t);
  socket.fire("connect");
  socket.fire("disconnect", "transport close");
  clock.tick(1000);
  socket.fire("connect");
  assert.deepEqual(phases, ["connecting 0", "live 0", "reconnecting 1", "reconnecting 1", "live 0"]);
  assert.ok(connection.live);
});

test("a person who will not wait tries at once", (t) => {
  const { socket, connection } = opened(t);
  socket.fire("connect_error", new Error("refused"));
  connection.retryNow();
  assert.equal(socket.attempts, 2);
});

test("a server that never answers the handshake counts as a failed try", (t) => {
  const { clock, socket, connection } = opened(t);
  clock.tick(12_000);
  assert.ok(socket.closed);
  assert.equal(connection.state.tries, 1);
});

test("once closed it stays closed", (t) => {
  const { clock, socket, connection } = opened(t);
  socket.fire("connect");
  connection.close();
  socket.fire("disconnect", "io client disconnect");
  clock.tick(60_000);
  assert.equal(connection.state.phase, "offline");
  assert.equal(socket.attempts, 1);
});

test("a connection that does not last does not start the count over", (t) => {
  const { clock, socket, connection } = opened(t);
  for (let n = 1; n <= 4; n += 1) {
    socket.fire("connect");
    socket.fire("disconnect", "transport close");
    assert.equal(connection.state.tries, n);
    clock.tick(30_000);
  }
  socket.fire("connect");
  clock.tick(3000);
  socket.fire("disconnect", "transport close");
  assert.equal(connection.state.tries, 1);
});

test("a page that comes back asks a standing connection for a sign of life", async (t) => {
  const { socket, connection } = opened(t);
  socket.fire("connect");
  const checked = connection.check();
  connection.check();
  assert.deepEqual(socket.asked.map(({ name, ms }) => [name, ms]), [["unsubscribe", 4000]]);
  socket.asked[0].resolve({ ok: true });
  await checked;
  assert.ok(connection.live);
  assert.equal(socket.attempts, 1);
});

test("a connection that gives none is replaced at once", async (t) => {
  const { socket, connection, phases } = opened(t);
  socket.fire("connect");
  const checked = connection.check();
  socket.asked[0].reject(new Error("operation has timed out"));
  await checked;
  assert.equal(socket.attempts, 2);
  assert.deepEqual(phases.slice(1), ["live 0", "reconnecting 1", "reconnecting 1"]);
});

test("a sign of life that an older connection owed says nothing of the present one", async (t) => {
  const { clock, socket, connection } = opened(t);
  socket.fire("connect");
  const checked = connection.check();
  socket.fire("disconnect", "transport close");
  clock.tick(2000);
  socket.fire("connect");
  socket.asked[0].reject(new Error("operation has timed out"));
  await checked;
  assert.ok(connection.live);
});

test("a page that comes back does not wait for the next try", (t) => {
  const { socket, connection } = opened(t);
  socket.fire("connect_error", new Error("refused"));
  connection.check();
  assert.equal(socket.attempts, 2);
});

test("a try that was begun in a network that is gone is begun anew, one just begun is left alone", (t) => {
  const { clock, socket, connection } = opened(t);
  connection.check();
  assert.equal(socket.attempts, 1);
  clock.tick(3000);
  connection.check();
  assert.equal(socket.attempts, 2);
});

test("once closed it is not woken", (t) => {
  const { socket, connection } = opened(t);
  connection.close();
  connection.check();
  assert.equal(socket.attempts, 1);
});
