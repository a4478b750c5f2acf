import { Api } from "../api.js";
import "../components/task_form.js";
import { empty } from "../components/notice.js";
import "../components/toast_list.js";
import "../components/training_connection.js";
import "../components/training_list.js";
import { TrainingPanel } from "../components/training_panel.js";
import { el } from "../dom.js";
import { throttled } from "../throttle.js";
import { TrainingFeed } from "../training_feed.js";
import { hasEnded, Jobs } from "../training_state.js";

const PACE_MS = 100;
const PANELS = 6;
const EPOCH = "iteration_complete";
const TOLD = {
  completed: (name) => ["completed", `${name} has finished`],
  failed: (name) => ["failed", `${name} has failed`],
  stopped: (name) => ["cancelled", `${name} was stopped`],
};

class TrainingPage {
  #api = new Api(location.origin);
  #feed = new TrainingFeed(location.origin, this.#api);
  #jobs = new Jobs();
  #chosen = chosenIn(location.search);
  #panels = new Map();
  #list = document.querySelector("training-list");
  #grid = document.querySelector(".panels");
  #connection = document.querySelector("training-connection");
  #toasts = document.querySelector("toast-list");
  #form = document.querySelector("task-form");
  #listed = false;
  #wasLive = false;
  #draw = throttled(
    () => PACE_MS,
    () => this.#drawn(),
  );

  begin() {
    this.#feed.on("message", (message) => this.#heard(message));
    this.#feed.on("rows", (rows) => this.#asked(rows));
    this.#feed.on("live", () => this.#catchUp());
    this.#feed.on("change", (state) => this.#changed(state));
    this.#connection.addEventListener("retry", () => this.#feed.retry());
    this.#list.addEventListener("choose", ({ detail }) => this.#choose(detail.id, detail.chosen));
    this.#form.addEventListener("created", ({ detail }) => this.#choose(detail.task_id, true));
    window.addEventListener("popstate", () => this.#readAddress());
    window.addEventListener("pagehide", () => this.#feed.close());
    window.addEventListener("pageshow", ({ persisted }) => persisted && this.#feed.open());
    window.addEventListener("online", () => this.#feed.retry());
    this.#form.load(this.#api);
    this.#list.loading();
    this.#load();
    this.#feed.open();
  }

  async #load() {
    const { moment } = this.#jobs;
    try {
      this.#took(await this.#api.trainingJobs(), moment);
    } catch ({ message }) {
      if (!this.#listed) this.#list.failed(message, () => this.#load());
    }
  }

  #took(rows, moment) {
    const first = !this.#listed;
    this.#listed = true;
    this.#tell(this.#jobs.list(rows, moment));
    if (first && !this.#chosen.size) this.#chooseOne();
    else this.#draw();
  }

  /** Somebody who comes without a wish sees what runs, else what ran last. */
  #chooseOne() {
    const jobs = this.#jobs.all();
    const job = jobs.find(({ status }) => !hasEnded(status)) ?? jobs[0];
    if (job) this.#chosen.add(job.id);
    this.#draw();
  }

  // -- news

  #heard(message) {
    const known = !message.job_id || this.#jobs.get(message.job_id);
    this.#tell(this.#jobs.hear(message));
    if (!known) this.#load(); // its name, and of how many epochs it is
    this.#draw();
  }

  /** In place of the socket: the list, and the epochs of what is shown. */
  #asked(rows) {
    this.#took(rows);
    for (const id of this.#panels.keys()) if (!hasEnded(this.#jobs.get(id)?.status)) this.#learn(id);
    this.#form.recover();
  }

  #catchUp() {
    this.#load();
    for (const id of this.#panels.keys()) this.#learn(id);
    this.#form.recover();
  }

  #changed(state) {
    this.#connection.state = state;
    const live = state.phase === "live";
    if (live) this.#toasts.show("live", this.#wasLive ? "Connected again" : "Connected");
    if (!live && this.#live) this.#toasts.show("reconnecting", "The connection is lost; it is tried again");
    this.#live = live;
    this.#wasLive ||= live;
  }

  #live = false;

  #tell(changes) {
    for (const { id, kind } of changes) {
      const told = TOLD[kind]?.(this.#jobs.get(id).name);
      if (told) this.#toasts.show(...told);
      if (hasEnded(kind)) this.#learn(id);
    }
  }

  /** The epochs of a job so far, and what only its task tells. */
  async #learn(id) {
    const panel = this.#panels.get(id);
    try {
      const [events, task] = await Promise.all([this.#api.events(id, EPOCH), this.#api.task(id)]);
      this.#jobs.history(id, events);
      this.#jobs.about(id, task);
      panel?.historyFailed(null);
    } catch ({ message }) {
      panel?.historyFailed(message, () => this.#learn(id));
    }
    this.#draw();
  }

  // -- what is shown

  #choose(id, chosen) {
    if (chosen) this.#chosen.add(id);
    else this.#chosen.delete(id);
    while (this.#chosen.size > PANELS) this.#chosen.delete(this.#chosen.values().next().value);
    const query = this.#chosen.size ? `?jobs=${[...this.#chosen].map(encodeURIComponent).join(",")}` : location.pathname;
    history.pushState(null, "", query);
    this.#draw();
  }

  #readAddress() {
    this.#chosen = chosenIn(location.search);
    this.#draw();
  }

  #drawn() {
    if (this.#listed) this.#list.show(this.#jobs.all(), this.#chosen);
    for (const [id, panel] of this.#panels) {
      if (!this.#chosen.has(id)) {
        panel.remove();
        this.#panels.delete(id);
      }
    }
    for (const id of this.#chosen) this.#panel(id);
    this.#grid.querySelector(":scope > .notice")?.remove();
    if (!this.#panels.size) this.#grid.append(empty("Choose one or more trainings to see their curves."));
  }

  #panel(id) {
    const job = this.#jobs.get(id);
    if (!this.#panels.has(id)) {
      const panel = new TrainingPanel(id);
      panel.addEventListener("command", ({ detail }) => this.#command(id, detail));
      panel.addEventListener("close", () => this.#choose(id, false));
      this.#panels.set(id, panel);
      this.#grid.append(panel);
      this.#learn(id);
    }
    if (job) this.#panels.get(id).show(job);
  }

  async #command(id, action) {
    const { moment } = this.#jobs;
    this.#jobs.asked(id, action);
    this.#draw();
    try {
      this.#tell(this.#jobs.row(await this.#api.controlJob(id, action), moment));
    } catch ({ message }) {
      this.#jobs.asked(id, null);
      const panel = this.#panels.get(id);
      if (panel) panel.refusal = message;
    }
    this.#draw();
  }
}

function chosenIn(search) {
  const ids = (new URLSearchParams(search).get("jobs") ?? "").split(",").filter(Boolean);
  return new Set(ids.slice(0, PANELS));
}

new TrainingPage().begin();
