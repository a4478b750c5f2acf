import { el, icon, setText } from "../dom.js";
import { number } from "../format.js";
import { columns, hasEnded, legalActions, place } from "../training_state.js";
import { failedToLoad } from "./notice.js";
import { underway } from "./status_badge.js";
import { TrainingChart } from "./training_chart.js";
import { badge, percent } from "./training_list.js";

const LABELS = { pause: "Pause", resume: "Continue", stop: "Stop" };
const ICONS = { pause: "paused", resume: "running", stop: "cancelled" };
const CHARTS = [
  ["Loss", [["train_loss", "training"], ["val_loss", "validation"]], { offersLog: true }],
  ["Accuracy", [["train_acc", "training"], ["val_acc", "validation"]]],
  ["Learning rate", [["learning_rate", "learning rate"]]],
];

/** One training: where it stands, its buttons, its curves. Fires `command` with the action, and `close`. */
class TrainingPanel extends HTMLElement {
  #name = el("a", { class: "name" });
  #status = el("span", { class: "state" });
  #underway = el("span", { class: "underway", role: "status" });
  #place = el("p", { class: "place" });
  #bar = el("progress", { max: "100", "aria-label": "Progress" });
  #figures = el("p", { class: "figures" });
  #failure = el("p", { class: "problem", role: "alert", hidden: true });
  #history = el("div");
  #dialog = stopQuestion();
  #buttons = new Map(Object.keys(LABELS).map((action) => [action, this.#button(action)]));
  #charts = CHARTS.map(([title, series, options]) => ({ names: series.map(([name]) => name), chart: new TrainingChart(title, series, options) }));
  #shown = null;

  constructor(id) {
    super();
    this.dataset.job = id;
    this.#name.href = `/demo?task=${encodeURIComponent(id)}`;
    this.#dialog.addEventListener("close", () => this.#dialog.returnValue === "yes" && this.#give("stop"));
  }

  connectedCallback() {
    const close = el("button", { type: "button", class: "quiet small", "aria-label": "Close this panel" }, "×");
    close.addEventListener("click", () => this.dispatchEvent(new Event("close")));
    this.setAttribute("role", "region");
    this.classList.add("card");
    this.replaceChildren(
      el("div", { class: "panel-head" }, el("h3", {}, this.#name), this.#status, this.#underway, close),
      this.#bar,
      el("div", { class: "panel-about" }, this.#place, this.#figures),
      el("div", { class: "controls" }, ...this.#buttons.values(), this.#failure),
      this.#history,
      el("div", { class: "charts" }, ...this.#charts.map(({ chart }) => chart)),
      this.#dialog,
    );
  }

  show(job) {
    setText(this.#name, job.name);
    this.setAttribute("aria-label", `Training ${job.name}`);
    this.dataset.status = job.status === "stopped" ? "cancelled" : job.status;
    if (this.#shown !== job.status) this.#status.replaceChildren(badge(job));
    this.#shown = job.status;
    setText(this.#underway, job.asked ? (job.asked === "stop" ? "stopping …" : underway(job.asked)) : told(job));
    this.#bar.value = job.progress;
    setText(this.#place, place(job));
    setText(this.#figures, `loss ${number(job.loss)} · accuracy ${percent(job.accuracy)}${best(job)}`);
    const legal = job.asked ? [] : legalActions(job.status);
    for (const [action, button] of this.#buttons) button.hidden = !legal.includes(action);
    if (!legal.includes("stop") && this.#dialog.open) this.#dialog.close("no");
    this.problem = job.status === "failed" ? (job.error ?? "It failed.") : this.#refusal;
    for (const { names, chart } of this.#charts) chart.data = columns(job.epochs, names);
  }

  #refusal = null;

  /** Why a command was refused; null when it was not. */
  set refusal(sentence) {
    this.#refusal = sentence;
    this.problem = sentence;
  }

  set problem(sentence) {
    this.#failure.hidden = !sentence;
    setText(this.#failure, sentence ?? "");
  }

  /** The curves up to now could not be had. */
  historyFailed(reason, retry) {
    this.#history.replaceChildren(...(reason ? [failedToLoad("the epochs so far", reason, retry)] : []));
  }

  #button(action) {
    const button = el("button", { type: "button", class: action === "stop" ? "danger" : "" }, icon(ICONS[action]), LABELS[action]);
    button.addEventListener("click", () => (action === "stop" ? this.#ask() : this.#give(action)));
    return button;
  }

  #ask() {
    this.#dialog.returnValue = "";
    this.#dialog.showModal();
  }

  #give(action) {
    this.refusal = null;
    this.dispatchEvent(new CustomEvent("command", { detail: action }));
  }
}

function told({ status, epoch }) {
  return status === "paused" ? `paused after epoch ${epoch ?? 0}` : "";
}

function best({ best: known, status }) {
  if (!known || !hasEnded(status) || known.epoch === null || known.epoch === undefined) return "";
  return ` · best epoch ${known.epoch}, ${percent(known.val_acc)}`;
}

function stopQuestion() {
  return el(
    "dialog",
    { "aria-label": "Stop this training?" },
    el(
      "form",
      { method: "dialog" },
      el("h3", {}, "Stop this training?"),
      el("p", {}, "It ends and cannot be continued. Its curves are kept."),
      el(
        "div",
        { class: "buttons" },
        el("button", { value: "no", class: "quiet" }, "Keep it going"),
        el("button", { value: "yes", class: "danger solid" }, "Stop the training"),
      ),
    ),
  );
}

customElements.define("training-panel", TrainingPanel);

export { TrainingPanel };
