import { el, icon, setText } from "../dom.js";
import { duration, fullTime } from "../format.js";
import { isTerminal } from "../lifecycle.js";
import { expectation } from "../outlook.js";
import { hasOutlook } from "../task_state.js";
import { badgeOf, statusBadge, underway } from "./status_badge.js";

const WAITS_SHOWN = 5;

/** Name, id, status, times. `now` is the server's clock in ms, so that a wrong local clock does not matter. */
class TaskHead extends HTMLElement {
  #title = el("h2", { id: "task-title", tabindex: "-1" });
  #status = el("span", { class: "status", "data-part": "status" });
  #id = el("button", { type: "button", class: "copy", "data-part": "id" });
  #copied = el("span", { class: "copied", role: "status" });
  #facts = el("dl", { class: "facts" });
  #expected = el("p", { class: "expected", "data-part": "expected", hidden: true });
  #waits = el("p", { class: "waits", hidden: true });
  #shown = "";
  #waitsFor = "";

  connectedCallback() {
    this.#id.addEventListener("click", () => this.#copy());
    this.replaceChildren(
      el("div", {}, el("div", { class: "title" }, this.#title, this.#status), el("div", { class: "identity" }, this.#id, this.#copied), this.#expected, this.#waits),
      this.#facts,
    );
  }

  focusTitle() {
    this.#title.focus();
  }

  show(state, now) {
    setText(this.#title, state.name || state.type || "Task");
    this.#showStatus(state);
    if (this.dataset.taskId !== state.taskId) {
      this.dataset.taskId = state.taskId;
      this.#id.replaceChildren(icon("copy"), el("code", {}, state.taskId));
      this.#id.setAttribute("aria-label", `Copy the task id ${state.taskId}`);
      this.#id.title = "Copy the task id";
      setText(this.#copied, "");
    }
    this.#showFacts(factsOf(state, now));
    this.#showExpected(expectedOf(state, now));
    this.#showWaits(waited(state));
  }

  #showExpected(words) {
    this.#expected.hidden = !words;
    setText(this.#expected, words);
  }

  #showWaits(ids) {
    const shown = ids.join();
    if (shown === this.#waitsFor) return;
    this.#waitsFor = shown;
    this.#waits.hidden = !ids.length;
    const links = ids.slice(0, WAITS_SHOWN).flatMap((id) => [" ", linkTo(id)]);
    const more = ids.length > WAITS_SHOWN ? [` and ${ids.length - WAITS_SHOWN} more`] : [];
    this.#waits.replaceChildren("Waits for", ...links, ...more);
  }

  /** The same rows get new text only, so that nothing flickers under the cursor. */
  #showFacts(facts) {
    const rows = [...this.#facts.children];
    const same = rows.length === facts.length && facts.every(([name], i) => rows[i].firstElementChild.textContent === name);
    if (same) facts.forEach(([, value], i) => setText(rows[i].lastElementChild, value));
    else this.#facts.replaceChildren(...facts.map(([name, value, title]) => fact(name, value, title)));
  }

  #showStatus(state) {
    const { status, pendingCommand } = state;
    const shown = `${badgeOf(state)} ${pendingCommand}`;
    if (shown === this.#shown) return;
    this.#shown = shown;
    const parts = status ? [statusBadge(state)] : [];
    if (pendingCommand) parts.push(el("span", { class: "underway" }, underway(pendingCommand)));
    this.#status.replaceChildren(...parts);
  }

  async #copy() {
    const id = this.dataset.taskId;
    await navigator.clipboard.writeText(id).then(
      () => setText(this.#copied, "Copied"),
      () => setText(this.#copied, "Could not copy: select the id and copy it by hand"),
    );
  }
}

function waited({ status, waitingOn }) {
  return isTerminal(status) ? [] : waitingOn;
}

/** To another task of the same server: the address keeps which one that is. */
function linkTo(taskId) {
  const query = new URLSearchParams(window.location.search);
  query.set("task", taskId);
  return el("a", { href: `?${query}`, title: taskId }, taskId.slice(0, 8));
}

function factsOf(state, now) {
  const facts = state.name ? [["Type", state.type]] : [];
  if (state.startedAt) facts.push(["Elapsed", elapsed(state, now), `since ${fullTime(state.startedAt)}`]);
  else if (state.createdAt) facts.push(["Waiting", duration((now - Date.parse(state.createdAt)) / 1000), fullTime(state.createdAt)]);
  const told = state.status === "running" && state.progress.eta === null && state.outlook.endsAt !== null; // in the sentence above
  if (!isTerminal(state.status) && !told) facts.push(["Time left", remaining(state.progress, now)]);
  if (state.maxAttempts > 1) facts.push(["Attempt", `${Math.max(1, state.attempt)} of ${state.maxAttempts}`]);
  return facts;
}

/** A sentence of its own: with a capital at its beginning. */
function expectedOf(state, now) {
  const words = hasOutlook(state) ? expectation(state.status, state.outlook, now) : "";
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function elapsed({ startedAt, endedAt }, now) {
  return duration(((endedAt ? Date.parse(endedAt) : now) - Date.parse(startedAt)) / 1000);
}

function remaining({ eta, at }, now) {
  if (eta === null) return "–";
  return `about ${duration(Math.max(1, eta - (at ? (now - Date.parse(at)) / 1000 : 0)))}`;
}

function fact(name, value, title) {
  return el("div", { title }, el("dt", {}, name), el("dd", {}, value));
}

customElements.define("task-head", TaskHead);
