import { el, setText } from "../dom.js";
import { ago, fullTime } from "../format.js";
import { expectation, outlookOf } from "../outlook.js";
import { empty, failedToLoad, loading } from "./notice.js";
import { badgeOf, statusBadge } from "./status_badge.js";

const SHOWN = 8;

/** The newest tasks of the server, to open again. Fires `open` with a task id as its detail. */
class RecentTasks extends HTMLElement {
  #api = null;
  #openId = null;
  #total = el("p", { class: "hint" });
  /** Milliseconds that the server's clock is ahead. */
  clockOffset = 0;

  load(api) {
    if (this.#api?.server !== api.server) this.replaceChildren(loading("recent tasks"));
    this.#api = api;
    return this.refresh();
  }

  async refresh() {
    const api = this.#api;
    try {
      const { tasks, total } = await api.recentTasks(SHOWN);
      if (api === this.#api) this.#show(tasks, total);
    } catch (problem) {
      if (api === this.#api) this.replaceChildren(failedToLoad("recent tasks", problem.message, () => this.load(api)));
    }
  }

  set openId(taskId) {
    this.#openId = taskId;
    for (const link of this.querySelectorAll("a")) mark(link, taskId);
  }

  /** Keep the row of the task on the page in step with it, between two looks at the server. */
  showStatus(state) {
    const badge = this.querySelector(`a[data-task-id="${CSS.escape(state.taskId)}"] .badge`);
    if (badge && badge.dataset.status !== badgeOf(state)) badge.replaceWith(statusBadge(state));
  }

  #show(tasks, total) {
    if (!tasks.length) return this.replaceChildren(empty("No task has been created yet."));
    const focused = this.contains(document.activeElement) ? document.activeElement.dataset.taskId : null;
    setText(this.#total, total > tasks.length ? `The newest ${tasks.length} of ${total}` : "");
    this.replaceChildren(el("ul", {}, ...tasks.map((task) => el("li", {}, this.#link(task)))), this.#total);
    if (focused) this.querySelector(`a[data-task-id="${CSS.escape(focused)}"]`)?.focus();
  }

  #link(task) {
    const expected = expectation(task.status, outlookOf(task), Date.now() + this.clockOffset);
    const created = el("time", { datetime: task.created_at, title: fullTime(task.created_at) }, ago((Date.now() - Date.parse(task.created_at)) / 1000));
    const link = el(
      "a",
      { href: `?task=${encodeURIComponent(task.task_id)}`, "data-task-id": task.task_id },
      el("span", { class: "name" }, task.name || task.type),
      statusBadge(task),
      el("span", { class: "about" }, task.name ? `${task.type}, ` : "", created, expected ? ` · ${expected}` : ""),
    );
    mark(link, this.#openId);
    link.addEventListener("click", (event) => this.#open(event, task.task_id));
    return link;
  }

  #open(event, taskId) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.dispatchEvent(new CustomEvent("open", { detail: taskId }));
  }
}

function mark(link, openId) {
  if (link.dataset.taskId === openId) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
}

customElements.define("recent-tasks", RecentTasks);
