import { el, icon } from "../dom.js";
import { legalCommands } from "../lifecycle.js";

const LABELS = { pause: "Pause", resume: "Resume", cancel: "Cancel" };
const ICONS = { pause: "paused", resume: "running", cancel: "cancelled" };

/** The buttons that are legal now. Fires `command` with the command as its detail; cancelling asks once. */
class TaskActions extends HTMLElement {
  #buttons = new Map(Object.keys(LABELS).map((command) => [command, this.#button(command)]));
  #problem = el("p", { class: "problem", role: "alert", hidden: true });
  #dialog = confirmation();

  connectedCallback() {
    this.replaceChildren(...this.#buttons.values(), this.#problem, this.#dialog);
    this.#dialog.addEventListener("close", () => this.#dialog.returnValue === "yes" && this.#give("cancel"));
  }

  show({ status, pendingCommand }, asked, external) {
    const legal = asked ? [] : legalCommands(status, pendingCommand, external);
    for (const [command, button] of this.#buttons) button.hidden = !legal.includes(command);
    if (!legal.includes("cancel") && this.#dialog.open) this.#dialog.close("no");
  }

  set problem(sentence) {
    this.#problem.hidden = !sentence;
    this.#problem.textContent = sentence ?? "";
  }

  #button(command) {
    const button = el("button", { type: "button", class: command === "cancel" ? "danger" : "" }, icon(ICONS[command]), LABELS[command]);
    button.addEventListener("click", () => (command === "cancel" ? this.#ask() : this.#give(command)));
    return button;
  }

  #ask() {
    this.#dialog.returnValue = "";
    this.#dialog.showModal();
  }

  #give(command) {
    this.problem = null;
    this.dispatchEvent(new CustomEvent("command", { detail: command }));
  }
}

function confirmation() {
  return el(
    "dialog",
    { "aria-labelledby": "cancel-question" },
    el(
      "form",
      { method: "dialog" },
      el("h3", { id: "cancel-question" }, "Cancel this task?"),
      el("p", {}, "It stops and cannot be resumed. What it has reported so far is kept."),
      el(
        "div",
        { class: "buttons" },
        el("button", { value: "no", class: "quiet" }, "Keep it going"),
        el("button", { value: "yes", class: "danger solid" }, "Cancel the task"),
      ),
    ),
  );
}

customElements.define("task-actions", TaskActions);
