import { el, setText } from "../dom.js";
import { fieldsOf, located } from "../schema_fields.js";
import { FormField } from "./form_field.js";
import { empty, failedToLoad, loading } from "./notice.js";

const NAME = { name: "task-name", kind: "text", label: "Name", help: "How the task is called in lists.", required: false, suggestions: [] };

/**
 * The form of a new task, made from what the server says its workloads are; with `data-type` of that one alone.
 * Fires `created` with the answer.
 */
class TaskForm extends HTMLElement {
  #api = null;
  #failed = false;
  #workloads = [];
  #fields = [];
  #name = new FormField(NAME);
  #choice = el("select", { id: "workload" });
  #about = el("p", { class: "hint", id: "workload-about" });
  #first = el("div", { class: "fields" });
  #more = el("div", { class: "fields" });
  #options = el("details", {}, el("summary", {}, "More options"), this.#more);
  #problems = el("div", { class: "problems", role: "alert", hidden: true });
  #submit = el("button", { type: "submit", class: "primary" }, "Create task");

  connectedCallback() {
    this.#choice.setAttribute("aria-describedby", this.#about.id);
    this.#choice.addEventListener("change", () => this.#choose(this.#choice.value));
    this.addEventListener("upload", ({ detail }) => this.#send(detail));
  }

  async load(api) {
    this.#api = api;
    this.#failed = false;
    this.replaceChildren(loading("the kinds of work"));
    try {
      const workloads = await api.workloads();
      if (api === this.#api) this.#offer(workloads);
    } catch (problem) {
      if (api === this.#api) this.#tellFailure(problem);
    }
  }

  async #send({ files, done }) {
    try {
      done(null, await this.#api.upload(files));
    } catch (problem) {
      done(problem.errors?.[0]?.msg ?? problem.message);
    }
  }

  #tellFailure({ message }) {
    this.#failed = true;
    this.replaceChildren(failedToLoad("the kinds of work", message, () => this.load(this.#api)));
  }

  /** Load again if the last try failed: a connection that comes back brings the form with it. */
  recover() {
    if (this.#failed) this.load(this.#api);
  }

  /** Fill the form with an earlier task's values, to run it again or with a change. */
  fill({ type, name, params }) {
    if (!this.#workloads.some((workload) => workload.type === type)) return;
    this.#choose(type);
    this.#name.fill(name);
    for (const field of this.#fields) field.fill(params[field.field.name]);
    this.#choice.focus();
  }

  #offer(offered) {
    const { type: only } = this.dataset;
    const workloads = offered.filter(({ type, external }) => (only ? type === only : !external));
    this.#workloads = workloads;
    if (!workloads.length) return this.replaceChildren(empty("This server offers no kind of work."));
    this.#choice.replaceChildren(...workloads.map(({ type, title }) => el("option", { value: type }, title || type)));
    const form = el(
      "form",
      { novalidate: "" },
      el("div", { class: "field" }, only ? null : el("label", { for: "workload" }, "Kind of work"), only ? null : this.#choice, this.#about),
      this.#first,
      this.#options,
      this.#problems,
      this.#submit,
    );
    form.addEventListener("submit", (event) => this.#submitted(event));
    this.replaceChildren(form);
    this.#choose((workloads.find(({ type }) => type === "optimization") ?? workloads[0]).type);
  }

  #choose(type) {
    const workload = this.#workloads.find((candidate) => candidate.type === type);
    this.#choice.value = type;
    setText(this.#about, workload.description ?? "");
    this.#fields = fieldsOf(workload.params_schema, workload.example).map((field) => new FormField(field));
    for (const field of this.#fields) field.fill(field.field.initial);
    const primary = this.#fields.filter(({ field }) => field.primary);
    const rest = this.#fields.filter(({ field }) => !field.primary);
    this.#first.replaceChildren(...primary.map(({ element }) => element));
    this.#more.replaceChildren(this.#name.element, ...rest.map(({ element }) => element));
    this.#tell([]);
  }

  async #submitted(event) {
    event.preventDefault();
    this.#tell([]);
    const { task, problems } = this.#read();
    if (problems.length) return this.#tell(problems);
    this.#submit.disabled = true;
    try {
      const created = await this.#api.createTask(task);
      this.dispatchEvent(new CustomEvent("created", { detail: created }));
    } catch (problem) {
      this.#tell(problem.errors?.length ? problem.errors : [{ loc: [], msg: problem.message }]);
    } finally {
      this.#submit.disabled = false;
    }
  }

  #read() {
    const params = {};
    const problems = [];
    for (const field of this.#fields) {
      const { value, error } = field.read();
      if (error) problems.push({ loc: ["params", field.field.name], msg: error });
      else if (value !== undefined) params[field.field.name] = value;
    }
    const name = this.#name.read().value;
    return { task: { type: this.#choice.value, params, ...(name ? { name } : {}) }, problems };
  }

  /** Each problem at the field that it names; those that name none stand above the button. */
  #tell(problems) {
    for (const field of [this.#name, ...this.#fields]) field.problem = null;
    const rest = problems.filter((problem) => !this.#toldAtField(problem));
    this.#problems.hidden = !rest.length;
    this.#problems.replaceChildren(...rest.map(({ loc, msg }) => el("p", { class: "problem" }, sentence(loc, msg))));
    this.#focusFirst();
  }

  #toldAtField({ loc, msg }) {
    if (loc[0] === "name") {
      this.#name.problem = msg;
      return true;
    }
    const { field, inside } = located(this.#fields.map((candidate) => candidate.field), loc);
    if (!field) return false;
    this.#fields.find((candidate) => candidate.field === field).problem = sentence(inside, msg);
    return true;
  }

  #focusFirst() {
    const wrong = this.querySelector("[aria-invalid=true]");
    if (!wrong) return;
    if (this.#options.contains(wrong)) this.#options.open = true;
    wrong.focus();
  }
}

function sentence(loc, msg) {
  const where = loc.filter((part) => part !== "params").join(".");
  return where ? `${where}: ${msg}` : msg;
}

customElements.define("task-form", TaskForm);
