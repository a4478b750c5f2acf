import { el, icon, setText } from "../dom.js";
import { clockTime, fullTime } from "../format.js";
import { MAX_LOG_LINES } from "../task_state.js";

const NEAR_THE_END_PX = 24;

/** The live log. Follows its end until one scrolls up; then counts what is new and offers the way back. */
class TaskLog extends HTMLElement {
  #list = el("ol", { class: "lines", tabindex: "0", role: "log", "aria-live": "off", "aria-label": "Log lines" });
  #dropped = el("p", { class: "dropped", hidden: true });
  #jump = el("button", { type: "button", class: "jump", hidden: true });
  #shownSeq = 0;
  #unseen = 0;
  #follow = true;
  #end = 0;

  connectedCallback() {
    this.#list.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#jump.addEventListener("click", () => this.#toTheEnd());
    this.replaceChildren(this.#dropped, el("div", { class: "frame" }, this.#list, this.#jump));
  }

  clear() {
    this.#list.replaceChildren();
    this.#shownSeq = 0;
    this.#toTheEnd();
  }

  show({ log, logDropped }, allLines) {
    const fresh = log.filter((line) => line.seq > this.#shownSeq);
    if (!fresh.length && this.#list.childElementCount) return;
    if (this.#follow && this.#list.scrollTop < this.#end) this.#scrolled(); // the event of that has not come yet
    this.#list.append(...(log.length ? fresh.map(row) : []));
    this.#shownSeq = log.at(-1)?.seq ?? 0;
    while (this.#list.childElementCount > MAX_LOG_LINES) this.#list.firstElementChild.remove();
    this.#tellDropped(logDropped, allLines);
    if (this.#follow) this.#toTheEnd();
    else this.#unseen += fresh.length;
    this.#offerJump();
  }

  #tellDropped(count, href) {
    this.#dropped.hidden = count === 0;
    this.#dropped.replaceChildren(`${count} earlier lines are not shown here. `, el("a", { href }, "All lines as JSON"));
  }

  #scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.#list;
    this.#follow = scrollHeight - scrollTop - clientHeight < NEAR_THE_END_PX;
    if (this.#follow) this.#unseen = 0;
    this.#offerJump();
  }

  #toTheEnd() {
    this.#follow = true;
    this.#unseen = 0;
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#end = this.#list.scrollTop;
    this.#offerJump();
  }

  #offerJump() {
    if (this.#jump.hidden !== this.#follow) this.#jump.hidden = this.#follow;
    if (!this.#jump.childElementCount) this.#jump.append(icon("down"), el("span"));
    setText(this.#jump.lastElementChild, this.#unseen ? `Jump to latest (${this.#unseen} new)` : "Jump to latest");
  }
}

function row({ seq, at, level, message }) {
  return el(
    "li",
    { "data-level": level, "data-seq": String(seq) },
    el("time", { datetime: at, title: fullTime(at) }, clockTime(at)),
    el("span", { class: "level" }, level),
    el("span", { class: "text" }, message),
  );
}

customElements.define("task-log", TaskLog);
