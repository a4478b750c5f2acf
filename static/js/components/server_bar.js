import { serverAddress } from "../api.js";
import { el, setText } from "../dom.js";
import "./connection_badge.js";

/** The server's address, the connection to it and how fresh the picture is. Fires `connect`, `disconnect`, `retry`. */
class ServerBar extends HTMLElement {
  #input = el("input", { id: "server", name: "server", type: "url", inputmode: "url", autocomplete: "url", spellcheck: "false" });
  #button = el("button", { type: "submit" }, "Connect");
  #problem = el("p", { class: "problem", id: "server-error", role: "alert", hidden: true });
  #badge = el("connection-badge");
  #freshness = el("span", { class: "freshness", "data-part": "freshness" });
  #phase = "offline";

  connectedCallback() {
    const form = el("form", { novalidate: "" }, el("label", { for: "server" }, "Server"), this.#input, this.#button);
    form.addEventListener("submit", (event) => this.#submitted(event));
    this.replaceChildren(form, el("div", { class: "connection" }, this.#badge, this.#freshness), this.#problem);
  }

  set address(server) {
    this.#input.value = server;
  }

  set state(state) {
    this.#phase = state.phase;
    this.#badge.state = state;
    this.#input.readOnly = state.phase !== "offline";
    setText(this.#button, state.phase === "offline" ? "Connect" : "Disconnect");
  }

  set freshness(sentence) {
    setText(this.#freshness, sentence);
  }

  set problem(sentence) {
    this.#problem.hidden = !sentence;
    this.#problem.textContent = sentence ?? "";
    this.#input.setAttribute("aria-invalid", String(Boolean(sentence)));
  }

  #submitted(event) {
    event.preventDefault();
    this.problem = null;
    if (this.#phase !== "offline") return this.dispatchEvent(new Event("disconnect"));
    try {
      this.dispatchEvent(new CustomEvent("connect", { detail: serverAddress(this.#input.value.trim()) }));
    } catch {
      this.problem = "This is not a server address: it looks like http://127.0.0.1:5000";
      this.#input.focus();
    }
  }
}

customElements.define("server-bar", ServerBar);
