import { PlainSocket } from "./plain_socket.js";

const PATH = "/ws/realtime";
/** The topic that the server subscribes everybody to. */
const UNASKED = "stats";

/**
 * Topics of the server (`/ws/realtime`), across lost connections.
 *
 * `subscribe(topic, callback)` has every message of a topic handed to the callback, a `batch` of many as it is, and
 * returns what ends that. `onConnect`, `onDisconnect`, `onError` and `onStatusChange` are assigned a function, or
 * called with one, to be told. A page that is hidden or left lets go of its connection, and has it again when it is
 * shown. What is sent while there is no connection waits, up to 100 messages.
 */
export class WebSocketManager {
  #socket;
  #page;
  #topics = new Map();
  #told = { connect: new Set(), disconnect: new Set(), error: new Set(), status: new Set() };
  #wanted = false;
  #live = false;
  #clientId = null;

  /** `url` by default the page's own server; `token` where the server asks for one. */
  constructor(url = null, { token = null, page = globalThis.document, ...options } = {}) {
    this.#page = page;
    this.#socket = new PlainSocket(() => addressOf(url, token), { heartbeat: { action: "ping" }, ...options });
    this.#socket.on("open", () => this.#opened());
    this.#socket.on("message", (message) => this.#heard(message));
    this.#socket.on("change", (state) => this.#changed(state));
  }

  connect() {
    if (!this.#wanted) this.#watchPage("addEventListener");
    this.#wanted = true;
    if (!this.#hidden) this.#socket.connect();
  }

  /** Let go of the connection, of what waits, and of the page; subscriptions are kept for the next `connect`. */
  disconnect() {
    if (this.#wanted) this.#watchPage("removeEventListener");
    this.#wanted = false;
    this.#socket.disconnect();
  }

  subscribe(topic, callback) {
    if (typeof callback !== "function") throw new TypeError("subscribe(topic, callback): the callback must be a function");
    const first = !this.#topics.has(topic);
    if (first) this.#topics.set(topic, new Set());
    this.#topics.get(topic).add(callback);
    if (first && this.#live) this.#socket.send({ action: "subscribe", topic });
    return () => this.unsubscribe(topic, callback);
  }

  /** Without a callback: all of the topic's. */
  unsubscribe(topic, callback = null) {
    const callbacks = this.#topics.get(topic);
    if (!callbacks) return;
    if (callback) callbacks.delete(callback);
    if (callback && callbacks.size) return;
    this.#topics.delete(topic);
    if (this.#live) this.#socket.send({ action: "unsubscribe", topic });
  }

  /** Whether the message has left; else it waits. */
  send(message) {
    return this.#socket.send(message);
  }

  /** `connecting`, `connected`, `reconnecting`, `disconnected` or `error`. */
  getStatus() {
    return this.#socket.getStatus();
  }

  /** Counts of the connection, `tries` of `most` and `retryAt` (ms), `topics`, and the `clientId` that the server gave. */
  getStats() {
    const { retryAt, reason } = this.#socket.state;
    return { ...this.#socket.getStats(), status: this.getStatus(), retryAt, reason, topics: [...this.#topics.keys()], clientId: this.#clientId };
  }

  #opened() {
    this.#live = true;
    if (!this.#topics.has(UNASKED)) this.#socket.send({ action: "unsubscribe", topic: UNASKED });
    for (const topic of this.#topics.keys()) this.#socket.send({ action: "subscribe", topic });
  }

  #heard(message) {
    if (message.type === "connected") this.#clientId = message.client_id;
    if (message.type === "connected") this.#tell("connect", message);
    else if (message.type === "error") this.#tell("error", new Error(message.message));
    else if (!ANSWERS.has(message.type)) this.#hand(message);
  }

  #hand(message) {
    for (const callback of [...(this.#topics.get(message.topic) ?? [])]) this.#call(callback, message);
  }

  #changed(state) {
    const lost = this.#live && state.phase !== "connected";
    if (state.phase !== "connected") this.#live = false;
    this.#tell("status", { status: state.phase, tries: state.tries, retryAt: state.retryAt, reason: state.reason });
    if (lost) this.#tell("disconnect", state);
    if (state.phase === "error") this.#tell("error", new Error(state.reason ?? "the connection was given up"));
  }

  #tell(what, detail) {
    for (const callback of [...this.#told[what]]) this.#call(callback, detail);
  }

  /** One callback that fails keeps nothing from the others. */
  #call(callback, detail) {
    try {
      callback(detail);
    } catch (problem) {
      if (this.#told.error.has(callback) || !this.#told.error.size) globalThis.reportError?.(problem);
      else this.#tell("error", problem);
    }
  }

  // -- the page

  get #hidden() {
    return this.#page?.visibilityState === "hidden";
  }

  #shown = () => (this.#hidden ? this.#socket.suspend() : this.#socket.connect());
  #left = () => this.#socket.suspend();

  #watchPage(change) {
    this.#page?.[change]("visibilitychange", this.#shown);
    this.#page?.defaultView?.[change]("pagehide", this.#left);
    this.#page?.defaultView?.[change]("pageshow", this.#shown);
  }

  #slot(name) {
    return (callback) => {
      this.#told[name].add(callback);
      return () => this.#told[name].delete(callback);
    };
  }

  #assign(name, callback) {
    this.#told[name].clear();
    if (callback) this.#told[name].add(callback);
  }

  get onConnect() {
    return this.#slot("connect");
  }

  set onConnect(callback) {
    this.#assign("connect", callback);
  }

  get onDisconnect() {
    return this.#slot("disconnect");
  }

  set onDisconnect(callback) {
    this.#assign("disconnect", callback);
  }

  get onError() {
    return this.#slot("error");
  }

  set onError(callback) {
    this.#assign("error", callback);
  }

  get onStatusChange() {
    return this.#slot("status");
  }

  set onStatusChange(callback) {
    this.#assign("status", callback);
  }
}

const ANSWERS = new Set(["subscription", "unsubscription", "pong"]);

function addressOf(url, token) {
  const address = new URL(url ?? PATH, globalThis.location?.href);
  address.protocol = address.protocol.replace("http", "ws");
  if (token) address.searchParams.set("token", token);
  return address.href;
}

if (globalThis.window) globalThis.wsManager ??= new WebSocketManager();
