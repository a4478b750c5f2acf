import { backoffSeconds } from "./backoff.js";
import { Emitter } from "./emitter.js";

const ATTEMPT_MS = 12_000;
const HEARTBEAT_MS = 30_000;
const STEADY_MS = 2_000;
const KEPT = 100;
/** Silent heartbeats after which nobody is there any more. */
const MISSED = 2;
/** Close codes that another try would not change: the server has understood, and does not want. */
const FINAL = new Set([1008]);

/**
 * A WebSocket that is opened again when it is lost. Messages are objects, and travel as JSON.
 *
 * `state` is `{phase, tries, retryAt, reason}`; phase is `disconnected` (nobody wants it), `connecting`, `connected`,
 * `reconnecting`, or `error` (refused, or given up). It fires `change` with the state, `open`, `message` with each
 * message, and `close` with `{code, reason}`. What is sent while it is not connected waits, up to 100 messages, and
 * leaves in order after `open` has been heard by everybody.
 */
export class PlainSocket extends Emitter {
  #url;
  #open;
  #random;
  #most;
  #heartbeat;
  #socket = null;
  #wanted = false;
  #wasOpen = false;
  #failed = 0;
  #since = 0;
  #timer = null;
  #beat = null;
  #silent = 0;
  #waiting = [];
  #stats = { connections: 0, reconnections: 0, sent: 0, received: 0, dropped: 0 };

  /**
   * `url`: an address or what gives one; `heartbeat`: a message that the server answers, null for none; `tries` after
   * which it is given up, null for never.
   */
  constructor(url, { heartbeat = null, tries = 10, open = (address) => new WebSocket(address), random = Math.random } = {}) {
    super();
    this.state = { phase: "disconnected", tries: 0, retryAt: null, reason: null };
    this.#url = url;
    this.#heartbeat = heartbeat;
    this.#most = tries;
    this.#open = open;
    this.#random = random;
  }

  connect() {
    if (this.#wanted && this.state.phase !== "error") return;
    this.#wanted = true;
    this.#wasOpen = false;
    this.#failed = 0;
    this.#attempt();
  }

  /** It is not wanted any more; what waits is forgotten. */
  disconnect() {
    this.#waiting = [];
    this.suspend();
  }

  /** Let go of the connection and of every timer, but keep what waits for `connect`. */
  suspend() {
    this.#wanted = false;
    this.#release(1000);
    this.#become("disconnected");
  }

  /** Try now instead of later. */
  retryNow() {
    if (this.#wanted && this.state.retryAt !== null) this.#attempt();
  }

  /** Whether the message has left; else it waits. */
  send(message) {
    if (this.state.phase === "connected") {
      this.#socket.send(JSON.stringify(message));
      this.#stats.sent += 1;
      return true;
    }
    this.#waiting.push(message);
    if (this.#waiting.length > KEPT) {
      this.#waiting.shift();
      this.#stats.dropped += 1;
    }
    return false;
  }

  getStatus() {
    return this.state.phase;
  }

  getStats() {
    return { ...this.#stats, waiting: this.#waiting.length, tries: this.state.tries, most: this.#most };
  }

  #attempt() {
    this.#release(1000);
    this.#since = Date.now();
    this.#become(this.#underway());
    this.#timer = setTimeout(() => this.#abandon("no answer"), ATTEMPT_MS);
    try {
      this.#listen(this.#open(typeof this.#url === "function" ? this.#url() : this.#url));
    } catch (problem) {
      this.#lost(problem.message);
    }
  }

  #listen(socket) {
    this.#socket = socket;
    const mine = (task) => (event) => socket === this.#socket && task(event);
    socket.onopen = mine(() => this.#opened());
    socket.onmessage = mine(({ data }) => this.#heard(data));
    socket.onclose = mine(({ code, reason }) => this.#closed(code, reason));
    socket.onerror = null;
  }

  #opened() {
    clearTimeout(this.#timer);
    this.#since = Date.now();
    this.#silent = 0;
    this.#stats.connections += 1;
    if (this.#wasOpen) this.#stats.reconnections += 1;
    this.#wasOpen = true;
    this.#become("connected");
    this.#pulse();
    this.fire("open");
    for (const message of this.#waiting.splice(0)) this.send(message);
  }

  #heard(data) {
    this.#silent = 0;
    this.#stats.received += 1;
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return; // not of this protocol: the connection is alive all the same
    }
    this.fire("message", message);
  }

  #pulse() {
    if (!this.#heartbeat) return;
    this.#beat = setTimeout(() => {
      if (this.#silent >= MISSED) return this.#abandon("no answer");
      this.#silent += 1;
      this.send(this.#heartbeat);
      this.#pulse();
    }, HEARTBEAT_MS);
  }

  #closed(code, reason) {
    const steady = this.state.phase === "connected" && Date.now() - this.#since > STEADY_MS;
    if (steady) this.#failed = 0;
    this.fire("close", { code, reason });
    if (!this.#wanted) return;
    if (FINAL.has(code)) this.#giveUp(reason || "refused");
    else this.#lost(reason || null);
  }

  #abandon(reason) {
    this.#release(4000);
    this.#closed(1006, reason);
  }

  #lost(reason) {
    this.#release(1000);
    this.#failed += 1;
    if (this.#most !== null && this.#failed > this.#most) return this.#giveUp(reason);
    const delay = backoffSeconds(this.#failed, this.#random) * 1000;
    this.#timer = setTimeout(() => this.#attempt(), delay);
    this.#become(this.#underway(), { retryAt: Date.now() + delay, reason });
  }

  #giveUp(reason) {
    this.#release(1000);
    this.#become("error", { reason });
  }

  #release(code) {
    clearTimeout(this.#timer);
    clearTimeout(this.#beat);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
  }

  #underway() {
    return this.#wasOpen ? "reconnecting" : "connecting";
  }

  #become(phase, { retryAt = null, reason = null } = {}) {
    const tries = phase === "connected" || phase === "disconnected" ? 0 : this.#failed;
    this.state = { phase, tries, retryAt, reason };
    this.fire("change", this.state);
  }
}
