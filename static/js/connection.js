import { io } from "../vendor/socket.io-4.8.4/socket.io.esm.min.js";
import { backoffSeconds } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { clientFor, serializerOf } from "./serializer.js";

const ATTEMPT_MS = 12_000;
const ANSWER_MS = 15_000;
const STEADY_MS = 2_000;
const PROBE_MS = 4_000;
const STALE_ATTEMPT_MS = 2_000;
/** Unsubscribing from it changes nothing and is acknowledged: so a server shows that it is there. */
const NO_TASK = "-";

/**
 * A Socket.IO connection to the namespace `/tasks` that never gives up.
 *
 * `state` is `{phase, tries, retryAt, reason}`; phase is `offline` (nobody wants it), `connecting`, `live` or
 * `reconnecting`. Fires `change` with the state, `live` when a connection stands, and every message of the
 * server under its own name.
 */
export class Connection extends Emitter {
  #socket;
  #timer = null;
  #wanted = false;
  #wasLive = false;
  #failed = 0;
  #since = 0;
  #probing = false;
  #random;
  #auth;
  #find;
  #client;
  #serializer = "json";

  constructor(server, { auth, connect = io, random = Math.random, find = serializerOf, client = clientFor } = {}) {
    super();
    this.server = server;
    this.state = { phase: "offline", tries: 0, retryAt: null, reason: null };
    this.#random = random;
    this.#auth = auth;
    this.#find = find;
    this.#client = client;
    this.#dial(connect);
  }

  #dial(connect, options = {}) {
    const { origin, pathname } = new URL(this.server);
    this.#socket = connect(`${origin}/tasks`, {
      path: `${pathname.replace(/\/$/, "")}/socket.io/`,
      autoConnect: false,
      reconnection: false,
      forceNew: true,
      transports: ["websocket", "polling"],
      tryAllTransports: true,
      timeout: ATTEMPT_MS - 2_000,
      auth: this.#auth,
      ...options,
    });
    this.#socket.on("connect", () => this.#established());
    this.#socket.on("connect_error", (error) => this.#lost(error.message));
    this.#socket.on("disconnect", (reason) => this.#lost(reason));
    this.#socket.onAny((name, message) => this.fire(name, message));
  }

  get live() {
    return this.state.phase === "live";
  }

  open() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#wasLive = false;
    this.#failed = 0;
    this.#attempt(0);
  }

  close() {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#socket.disconnect();
    this.#become({ phase: "offline", tries: 0, retryAt: null, reason: null });
  }

  retryNow() {
    if (this.#wanted && this.#waiting()) this.#attempt(this.state.tries);
  }

  /**
   * Look after the connection now: the network or the page has just come back.
   *
   * A socket can be dead without knowing it after a suspension; the server's missed pings would tell only
   * after three quarters of a minute, so it is asked for a sign of life.
   */
  check() {
    if (this.live) return this.#probe();
    if (this.#wanted && !this.#waiting() && Date.now() - this.#since > STALE_ATTEMPT_MS) this.#abandon();
    this.retryNow();
    return Promise.resolve();
  }

  /** Send `message` and resolve to the server's acknowledgement; rejects when none comes in time. */
  request(name, message) {
    return this.#socket.timeout(ANSWER_MS).emitWithAck(name, message);
  }

  send(name, message) {
    if (this.live) this.#socket.emit(name, message);
  }

  async #probe() {
    if (this.#probing) return;
    this.#probing = true;
    const since = this.#since;
    try {
      await this.#socket.timeout(PROBE_MS).emitWithAck("unsubscribe", { task_id: NO_TASK });
    } catch {
      if (this.live && since === this.#since) {
        this.#abandon();
        this.retryNow();
      }
    } finally {
      this.#probing = false;
    }
  }

  #attempt(tries) {
    clearTimeout(this.#timer);
    this.#since = Date.now();
    this.#become({ phase: this.#waitingPhase(), tries, retryAt: null, reason: this.state.reason });
    this.#timer = setTimeout(() => this.#abandon(), ATTEMPT_MS);
    this.#socket.connect();
  }

  #abandon() {
    this.#socket.disconnect();
    if (!this.#waiting()) this.#lost("no answer");
  }

  #established() {
    clearTimeout(this.#timer);
    this.#wasLive = true;
    this.#since = Date.now();
    this.#become({ phase: "live", tries: 0, retryAt: null, reason: null });
    this.fire("live");
  }

  #lost(reason) {
    if (!this.#wanted || this.#waiting()) return;
    if (this.live && Date.now() - this.#since > STEADY_MS) this.#failed = 0;
    this.#failed += 1;
    const tries = this.#failed;
    const delay = backoffSeconds(tries, this.#random) * 1000;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#attempt(tries), delay);
    const waited = !this.live;
    this.#become({ phase: this.#waitingPhase(), tries, retryAt: Date.now() + delay, reason });
    if (waited) this.#reconsider();
  }

  /** An attempt has failed: perhaps the server speaks otherwise than last time. */
  async #reconsider() {
    const tries = this.#failed;
    const serializer = await this.#find(this.server);
    if (serializer === null || serializer === this.#serializer) return;
    const { connect, options } = await this.#client(serializer);
    if (tries !== this.#failed || !this.#waiting()) return;
    this.#serializer = serializer;
    this.#socket.offAny();
    this.#socket.off();
    this.#dial(connect, options);
    this.retryNow();
  }

  #waiting() {
    return this.state.retryAt !== null;
  }

  #waitingPhase() {
    return this.#wasLive ? "reconnecting" : "connecting";
  }

  #become(state) {
    this.state = state;
    this.fire("change", state);
  }
}
