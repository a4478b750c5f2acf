import { el, icon } from "../dom.js";

/** The three pictures of something that is not there: loading, empty, failed to load. */
export function loading(what) {
  return el("div", { class: "notice", "data-kind": "loading" }, icon("connecting"), el("p", {}, `Loading ${what} …`));
}

export function empty(sentence) {
  return el("div", { class: "notice", "data-kind": "empty" }, icon("empty"), el("p", {}, sentence));
}

export function failedToLoad(what, reason, retry) {
  const again = el("button", { type: "button", class: "quiet" }, "Try again");
  again.addEventListener("click", retry);
  return el(
    "div",
    { class: "notice", "data-kind": "failed" },
    icon("warning"),
    el("div", {}, el("p", {}, el("strong", {}, `Could not load ${what}.`), ` ${reason}`), again),
  );
}
