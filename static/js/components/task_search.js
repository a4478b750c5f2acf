import { el, setText } from "../dom.js";
import { failedToLoad } from "./notice.js";

const SHOWN = 10;

/** Words looked for in what a task has left, such as an index: the best hits with the words marked. */
class TaskSearch extends HTMLElement {
  #api;
  #taskId;
  #offset = 0;
  #asked = "";
  #words = el("input", { type: "search", id: "search-words", name: "words", autocomplete: "off", spellcheck: "false" });
  #count = el("p", { class: "hint", role: "status" });
  #hits = el("ol", { class: "hits" });
  #more = el("button", { type: "button", class: "quiet", hidden: true }, "More");
  #problem = el("div");

  constructor(api, taskId) {
    super();
    this.#api = api;
    this.#taskId = taskId;
  }

  connectedCallback() {
    const form = el(
      "form",
      { role: "search" },
      el("label", { for: this.#words.id }, "Search the documents"),
      el("div", { class: "search" }, this.#words, el("button", { type: "submit" }, "Search")),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask(this.#words.value.trim(), 0);
    });
    this.#more.addEventListener("click", () => this.#ask(this.#asked, this.#offset));
    this.replaceChildren(form, this.#count, this.#problem, this.#hits, this.#more);
  }

  async #ask(words, offset) {
    if (!words) return;
    this.#asked = words;
    this.#problem.replaceChildren();
    try {
      const answer = await this.#api.search(this.#taskId, words, SHOWN, offset);
      if (words === this.#asked) this.#show(answer, offset);
    } catch (problem) {
      if (words === this.#asked) this.#tell(problem, words, offset);
    }
  }

  #show({ total, hits, took_ms: took }, offset) {
    const shown = offset + hits.length;
    setText(this.#count, total ? `${shown} of ${total} found, in ${took.toFixed(1)} ms` : "Nothing found: every word has to be in a document.");
    if (!offset) this.#hits.replaceChildren();
    this.#hits.append(...hits.map(hitItem));
    this.#offset = shown;
    this.#more.hidden = !hits.length || shown >= total;
  }

  #tell(problem, words, offset) {
    setText(this.#count, "");
    this.#problem.replaceChildren(failedToLoad("the search", problem.message, () => this.#ask(words, offset)));
  }
}

function hitItem({ path, title, snippet, marks }) {
  return el("li", {}, el("p", { class: "where" }, el("strong", {}, title), " ", el("span", { class: "path" }, path)), el("p", {}, ...marked(snippet, marks)));
}

/** Marks count code points, strings of JavaScript do not. */
export function marked(snippet, marks) {
  const points = Array.from(snippet);
  const parts = [];
  let at = 0;
  for (const [start, end] of marks) {
    parts.push(points.slice(at, start).join(""), el("mark", {}, points.slice(start, end).join("")));
    at = end;
  }
  return [...parts, points.slice(at).join("")];
}

customElements.define("task-search", TaskSearch);

export { TaskSearch };
