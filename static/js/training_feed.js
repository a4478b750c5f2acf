import { Emitter } from "./emitter.js";
import { PlainSocket } from "./plain_socket.js";

const POLL_MS = 2_500;
const PATIENCE_MS = 4_000;
const AGAIN_MS = 30_000;

/**
 * News of all trainings: over a WebSocket, and where that fails by asking.
 *
 * Fires `message` with each of the socket, `rows` with each list that was asked for, `live` when a socket stands (what
 * was missed is to be asked for), and `change` with `{phase, polling, tries, most, retryAt, reason}`; phase is
 * `connecting`, `live`, `polling`, `reconnecting` or `offline`. It never gives up: after the socket's last try it goes
 * on asking, and tries the socket again now and then.
 */
export class TrainingFeed extends Emitter {
  #api;
  #socket;
  #asks = null;
  #again = null;
  #patience = null;
  #answered = null;
  #was = null;

  constructor(server, api, options = {}) {
    super();
    this.#api = api;
    this.#socket = new PlainSocket(`${server.replace(/^http/, "ws")}/ws/training/all`, { heartbeat: { type: "heartbeat" }, ...options });
    this.#socket.on("open", () => this.fire("live"));
    this.#socket.on("message", (message) => this.fire("message", message));
    this.#socket.on("change", (state) => this.#changed(state));
  }

  open() {
    this.#socket.connect();
  }

  /** Hold neither a connection nor a timer. */
  close() {
    this.#stopAsking();
    clearTimeout(this.#again);
    this.#socket.disconnect();
  }

  /** Try the socket now. */
  retry() {
    clearTimeout(this.#again);
    if (this.#socket.getStatus() === "error") this.#socket.connect();
    else this.#socket.retryNow();
  }

  get state() {
    const { phase, tries, retryAt, reason } = this.#socket.state;
    const shown = PHASES[phase] ?? (this.#answered ? "polling" : "offline");
    const polling = this.#answered === true && phase !== "connected";
    return { phase: polling ? "polling" : shown, polling, tries, most: this.#socket.getStats().most, retryAt, reason };
  }

  #changed({ phase }) {
    clearTimeout(this.#again);
    if (phase === "connected" || phase === "disconnected") this.#stopAsking();
    else this.#beginAsking();
    if (phase === "error") this.#again = setTimeout(() => this.#socket.connect(), AGAIN_MS);
    this.#tell();
  }

  /** A socket that only takes a moment to come back is waited for. */
  #beginAsking() {
    this.#patience ??= setTimeout(() => this.#ask(), PATIENCE_MS);
  }

  #stopAsking() {
    clearTimeout(this.#patience);
    clearTimeout(this.#asks);
    this.#patience = this.#asks = this.#answered = null;
  }

  async #ask() {
    const mine = this.#patience;
    try {
      const rows = await this.#api.trainingJobs();
      if (mine !== this.#patience) return;
      this.#answered = true;
      this.fire("rows", rows);
    } catch {
      if (mine !== this.#patience) return;
      this.#answered = false;
    }
    this.#tell();
    this.#asks = setTimeout(() => this.#ask(), POLL_MS);
  }

  #tell() {
    const state = this.state;
    const words = JSON.stringify(state);
    if (words === this.#was) return;
    this.#was = words;
    this.fire("change", state);
  }
}

const PHASES = { connected: "live", connecting: "connecting", reconnecting: "reconnecting" };
