import { el } from "../dom.js";
import { failedToLoad, loading } from "./notice.js";
import { pictureList } from "./picture_list.js";
import { TaskSearch } from "./task_search.js";
import { areRecords, recordTable, valueList } from "./value_list.js";

/** How a task ended: its result with pictures, or the reason of its failure with the traceback folded. */
class TaskOutcome extends HTMLElement {
  #shown = null;

  show(state, api) {
    const ending = `${api.server} ${state.taskId} ${state.status}`;
    if (ending === this.#shown) return;
    this.#shown = ending;
    this.dataset.status = state.status;
    this.hidden = !(state.status in ENDINGS);
    this.replaceChildren();
    if (!this.hidden) ENDINGS[state.status](this, state, api);
  }
}

const ENDINGS = {
  completed: showResult,

  failed(element, { error, traceback }) {
    const { reason, rest } = firstSentence(error || "The task gave no reason.");
    element.append(el("h3", {}, "It failed"), el("p", { class: "reason" }, reason));
    if (rest) element.append(el("pre", { class: "rest" }, rest));
    if (traceback) element.append(el("details", {}, el("summary", {}, "Traceback"), el("pre", {}, traceback)));
  },

  cancelled(element, { progress }) {
    const where = progress.current === null ? "before its first iteration" : `after iteration ${progress.current}`;
    element.append(el("h3", {}, "It was cancelled"), el("p", {}, `It stopped ${where}. What it had reported is below.`));
  },
};

async function showResult(element, state, api) {
  element.replaceChildren(el("h3", {}, "Result"), loading("the result"));
  const { taskId } = state;
  try {
    const answer = await api.result(taskId);
    const search = (await api.workload(state.type))?.searchable ? new TaskSearch(api, taskId) : null;
    if (!element.isConnected) return;
    element.replaceChildren(el("h3", {}, "Result"), ...resultParts(answer, (file) => api.visualizationUrl(taskId, file)));
    if (search) element.append(search);
  } catch (problem) {
    element.replaceChildren(el("h3", {}, "Result"), failedToLoad("the result", problem.message, () => showResult(element, state, api)));
  }
}

function resultParts({ result, summary, experiment_dir: folder }, urlOf) {
  const { visualizations = [], ...values } = result ?? {};
  const { constraints, ...rest } = summary ?? {};
  const all = { ...values, ...(folder ? { experiment_dir: folder } : {}), ...(Object.keys(rest).length ? { summary: rest } : {}) };
  return [
    visualizations.length ? pictureList(visualizations, urlOf) : null,
    areRecords(constraints) ? recordTable(constraints, "Constraints") : null,
    Object.keys(all).length ? valueList(all) : el("p", {}, "It finished without a result to show."),
  ].filter(Boolean);
}

function firstSentence(text) {
  const [reason, ...rest] = text.trim().split("\n");
  return { reason, rest: rest.join("\n").trim() };
}

customElements.define("task-outcome", TaskOutcome);
