import { el, setText } from "../dom.js";
import { isTerminal } from "../lifecycle.js";
import "./metric_table.js";
import { empty, failedToLoad, loading } from "./notice.js";
import "./task_actions.js";
import "./task_head.js";
import "./task_log.js";
import "./task_outcome.js";
import "./task_progress.js";

/** One task on the page: head, progress, buttons, outcome, metrics, log. Fires `command` and `reuse`. */
class TaskView extends HTMLElement {
  #head = el("task-head");
  #progress = el("task-progress");
  #actions = el("task-actions");
  #outcome = el("task-outcome", { hidden: true });
  #metrics = el("metric-table");
  #log = el("task-log");
  #history = el("p", { class: "history-note", hidden: true });
  #reuse = el("button", { type: "button", class: "quiet" }, "Use these parameters again");
  #asked = null;
  #type = null;
  #external = false;

  connectedCallback() {
    this.#actions.addEventListener("command", ({ detail }) => this.dispatchEvent(new CustomEvent("command", { detail })));
    this.#reuse.addEventListener("click", () => this.dispatchEvent(new Event("reuse")));
    this.#progress.controls = el("div", { class: "controls" }, this.#actions, this.#reuse);
    this.none();
  }

  none() {
    this.replaceChildren(empty("No task is open. Create one, or open a recent one."));
  }

  loading(connected) {
    this.#asked = null;
    this.#type = null;
    this.#actions.problem = null;
    this.replaceChildren(loading(connected ? "the task" : "the task as soon as the connection stands"));
  }

  failed(reason, retry) {
    this.replaceChildren(failedToLoad("the task", reason, retry));
  }

  /** Start on a task (or on the same one anew): nothing of an earlier picture stays. */
  begin() {
    this.#asked = null;
    this.#log.clear();
    if (this.contains(this.#head)) return;
    this.replaceChildren(
      el("div", { class: "head card" }, this.#head, this.#progress, this.#history),
      this.#outcome,
      el("div", { class: "details" }, section("Metrics", this.#metrics), section("Log", this.#log)),
    );
  }

  focusTitle() {
    this.#head.focusTitle();
  }

  show(state, api, now) {
    if (!this.contains(this.#head)) return;
    if (state.type !== this.#type) this.#learn(state.type, api);
    if (this.#asked !== null && state.statusSeq > this.#asked) this.#asked = null;
    this.#head.show(state, now);
    this.#progress.state = state;
    this.#actions.show(state, this.#asked !== null, this.#external);
    this.#outcome.show(state, api);
    this.#metrics.state = state;
    this.#log.show(state, api.logUrl(state.taskId));
    this.#reuse.hidden = state.params === null || !isTerminal(state.status) || this.#external;
    this.#tellHistory(state);
  }

  /** A command is on its way: no second click until it is answered. */
  asking(state) {
    this.#asked = state.statusSeq;
    this.#actions.show(state, true, this.#external);
  }

  answered(problem) {
    this.#asked = null;
    this.#actions.problem = problem;
  }

  /** Whether such tasks run elsewhere. Without an answer nothing is hidden: the server gives its reason on a click. */
  async #learn(type, api) {
    this.#type = type;
    this.#external = false;
    const workload = await api.workload(type).catch(() => null);
    if (type === this.#type) this.#external = workload?.external ?? false;
  }

  #tellHistory({ whole, skipped }) {
    const notes = [];
    if (!whole) notes.push("The beginning of this task's history is no longer stored: what you see starts from its latest state.");
    if (skipped) notes.push(`${skipped} outdated progress reports were skipped to catch up.`);
    this.#history.hidden = !notes.length;
    setText(this.#history, notes.join(" "));
  }
}

function section(title, content) {
  const id = `section-${title.toLowerCase()}`;
  return el("section", { class: "card", "aria-labelledby": id }, el("h3", { id }, title), content);
}

customElements.define("task-view", TaskView);
