import { el, icon, setText } from "../dom.js";

const WORDS = { offline: "Offline", connecting: "Connecting", live: "Live", reconnecting: "Reconnecting" };

/** How the connection stands, and how fresh the picture is. Fires `retry` when a person will not wait. */
class ConnectionBadge extends HTMLElement {
  #state = { phase: "offline", tries: 0, retryAt: null };
  #detail = el("span", { class: "detail" });
  #badge = el("span", { class: "badge" });
  #retry = el("button", { type: "button", class: "quiet small" }, "Try now");

  connectedCallback() {
    this.#retry.addEventListener("click", () => this.dispatchEvent(new Event("retry", { bubbles: true })));
    this.replaceChildren(this.#badge, this.#detail, this.#retry);
    setInterval(() => this.#tick(), 250);
    this.state = this.#state;
  }

  set state(state) {
    this.#state = state;
    this.dataset.phase = state.phase;
    this.#badge.dataset.phase = state.phase;
    this.#badge.replaceChildren(icon(state.phase), WORDS[state.phase]);
    this.#tick();
  }

  #tick() {
    const { tries, retryAt } = this.#state;
    this.#retry.hidden = retryAt === null;
    setText(this.#detail, tries === 0 ? "" : retryAt === null ? `try ${tries} …` : `try ${tries} in ${secondsUntil(retryAt)} s`);
  }
}

function secondsUntil(moment) {
  return Math.max(0, Math.ceil((moment - Date.now()) / 1000));
}

customElements.define("connection-badge", ConnectionBadge);
