/** The browser's WebSocket, in the hands of a test. */
export class FakeWebSocket {
  static all = [];
  sent = [];
  closedWith = null;

  constructor(url) {
    this.url = url;
    FakeWebSocket.all.push(this);
  }

  static get last() {
    return FakeWebSocket.all.at(-1);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.closedWith = code;
  }

  open() {
    this.onopen?.();
    return this;
  }

  say(message) {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  lose(code = 1006, reason = "") {
    this.onclose?.({ code, reason });
  }
}
