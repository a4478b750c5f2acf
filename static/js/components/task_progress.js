import { el, setText } from "../dom.js";
import { isTerminal } from "../lifecycle.js";

/** The bar with `7 / 20`, the percentage and the task's message; no figure where the total is unknown. */
class TaskProgress extends HTMLElement {
  #bar = el("progress", { max: 100, "aria-label": "Progress" });
  #iteration = el("span", { class: "figure", "data-part": "iteration" });
  #percent = el("span", { class: "figure", "data-part": "percent" });
  #message = el("p", { class: "message", "data-part": "message" });
  #foot = el("div", { class: "foot" }, this.#message);

  connectedCallback() {
    this.replaceChildren(el("div", { class: "figures" }, this.#iteration, this.#percent), this.#bar, this.#foot);
  }

  set controls(element) {
    this.#foot.replaceChildren(this.#message, element);
  }

  set state({ status, progress, message, error }) {
    const known = isTerminal(status) || status === "pending" || progress.total !== null;
    if (known) this.#bar.value = progress.percent;
    else this.#bar.removeAttribute("value");
    this.#bar.dataset.status = status;
    setText(this.#iteration, iterationOf(progress));
    setText(this.#percent, known ? `${Math.floor(progress.percent)} %` : "");
    setText(this.#message, [status, error].includes(message) ? "" : message);
  }
}

function iterationOf({ current, total }) {
  if (current === null) return "No iteration yet";
  return total === null ? `Iteration ${current}` : `Iteration ${current} / ${total}`;
}

customElements.define("task-progress", TaskProgress);
