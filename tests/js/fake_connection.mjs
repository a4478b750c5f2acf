import { Emitter } from "../../static/js/emitter.js";

/** A connection that a test drives by hand: it keeps what was asked and plays the server's part. */
export class FakeConnection extends Emitter {
  live = false;
  requests = [];
  sent = [];

  up() {
    this.live = true;
    this.fire("change", { phase: "live" });
    this.fire("live");
  }

  down() {
    this.live = false;
    this.fire("change", { phase: "reconnecting" });
  }

  request(name, message) {
    return new Promise((resolve, reject) => this.requests.push({ name, message, resolve, reject }));
  }

  send(name, message) {
    this.sent.push({ name, message });
  }

  get lastRequest() {
    return this.requests.at(-1).message;
  }

  subscribed(answer) {
    this.fire("subscribed", answer);
  }

  events(...envelopes) {
    for (const envelope of envelopes) this.fire("task_update", envelope);
  }
}
