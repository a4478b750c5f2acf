import { el, setText } from "../dom.js";
import { ago, number } from "../format.js";
import { hasEnded, place } from "../training_state.js";
import { empty, failedToLoad, loading } from "./notice.js";
import { statusBadge } from "./status_badge.js";

/** Every job as a row that can be chosen, several at once. Fires `choose` with `{id, chosen}`. */
class TrainingList extends HTMLElement {
  #rows = new Map();
  #list = el("ul", { class: "jobs" });

  loading() {
    this.replaceChildren(loading("the trainings"));
  }

  failed(reason, retry) {
    this.replaceChildren(failedToLoad("the trainings", reason, retry));
  }

  show(jobs, chosen) {
    if (!jobs.length) return this.replaceChildren(empty("No training yet. Start one with the form."));
    if (!this.contains(this.#list)) this.replaceChildren(this.#list);
    const known = new Set(jobs.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (!known.has(id)) {
        row.element.remove();
        this.#rows.delete(id);
      }
    }
    jobs.forEach((job, index) => {
      const row = this.#row(job.id);
      if (this.#list.children[index] !== row.element) this.#list.insertBefore(row.element, this.#list.children[index] ?? null);
      row.show(job, chosen.has(job.id));
    });
  }

  #row(id) {
    if (!this.#rows.has(id)) this.#rows.set(id, new Row(id, (chosen) => this.dispatchEvent(new CustomEvent("choose", { detail: { id, chosen } }))));
    return this.#rows.get(id);
  }
}

class Row {
  #name = el("span", { class: "name" });
  #status = el("span");
  #about = el("span", { class: "about" });
  #bar = el("progress", { max: "100", "aria-label": "Progress" });
  #box;
  #shown = null;

  constructor(id, choose) {
    this.#box = el("input", { type: "checkbox", "data-job": id });
    this.#box.addEventListener("change", () => choose(this.#box.checked));
    this.element = el("li", {}, el("label", {}, this.#box, this.#name, this.#status, this.#bar, this.#about));
  }

  show(job, chosen) {
    this.#box.checked = chosen;
    this.element.dataset.status = STATUS[job.status] ?? job.status;
    setText(this.#name, job.name);
    if (this.#shown !== job.status) this.#status.replaceChildren(badge(job));
    this.#shown = job.status;
    this.#bar.value = job.progress;
    setText(this.#about, about(job));
  }
}

const STATUS = { stopped: "cancelled" };

/** The badge of a job; the protocol calls a cancelled one stopped. */
export function badge({ status }) {
  const made = statusBadge({ status: STATUS[status] ?? status, stalled: false });
  if (status === "stopped") made.lastChild.textContent = "stopped";
  return made;
}

function about(job) {
  const started = job.startTime && hasEnded(job.status) ? ` · ${ago((Date.now() - Date.parse(job.startTime)) / 1000)}` : "";
  return `${place(job)} · loss ${number(job.loss)} · accuracy ${percent(job.accuracy)}${started}`;
}

export function percent(share) {
  return typeof share === "number" ? `${(100 * share).toFixed(1)} %` : "–";
}

customElements.define("training-list", TrainingList);
