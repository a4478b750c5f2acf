import { el, icon, setText } from "../dom.js";

const WORDS = {
  connecting: "Connecting",
  live: "Live",
  polling: "Asking every few seconds",
  reconnecting: "Reconnecting",
  offline: "Offline",
};

/** How the news arrive: colour, picture and word, with the tries that were made. Fires `retry`. */
class TrainingConnection extends HTMLElement {
  #state = { phase: "connecting", tries: 0, most: null, retryAt: null, reason: null };
  #badge = el("span", { class: "badge", role: "status" });
  #detail = el("span", { class: "detail" });
  #retry = el("button", { type: "button", class: "quiet small", hidden: true }, "Try now");
  #timer = null;

  connectedCallback() {
    this.#retry.addEventListener("click", () => this.dispatchEvent(new Event("retry")));
    this.replaceChildren(this.#badge, this.#detail, this.#retry);
    this.#timer = setInterval(() => this.#tick(), 250);
    this.state = this.#state;
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
  }

  set state(state) {
    if (this.#badge.dataset.phase !== state.phase) this.#badge.replaceChildren(icon(ICONS[state.phase] ?? state.phase), WORDS[state.phase]);
    this.#badge.dataset.phase = state.phase;
    this.#state = state;
    this.#tick();
  }

  #tick() {
    const { phase, tries, most, retryAt, reason } = this.#state;
    this.#retry.hidden = phase === "live" || phase === "connecting";
    setText(this.#detail, phase === "live" ? "" : [tried(tries, most, retryAt), reason].filter(Boolean).join(" · "));
  }
}

const ICONS = { polling: "reconnecting" };

function tried(tries, most, retryAt) {
  if (!tries) return "";
  const count = most ? `try ${Math.min(tries, most)} of ${most}` : `try ${tries}`;
  if (retryAt !== null) return `${count}, next in ${Math.max(0, Math.ceil((retryAt - Date.now()) / 1000))} s`;
  return tries > most ? "the live connection was given up; it is tried again now and then" : `${count} …`;
}

customElements.define("training-connection", TrainingConnection);
