import { el } from "../dom.js";
import { number } from "../format.js";
import { metricName } from "../metric_names.js";
import { empty } from "./notice.js";
import { sparkLine } from "./spark_line.js";

/** The latest value of every metric with its history beside it. */
class MetricTable extends HTMLElement {
  #history = null;
  #metrics = null;

  set state({ metrics, history, status }) {
    if (history === this.#history && metrics === this.#metrics && this.childElementCount) return;
    this.#history = history;
    this.#metrics = metrics;
    const names = Object.keys(metrics);
    this.replaceChildren(names.length ? table(names, metrics, history) : empty(nothingYet(status)));
  }
}

function nothingYet(status) {
  return status === "pending" ? "Metrics appear when the task has started." : "No metrics so far.";
}

function table(names, metrics, history) {
  return el(
    "table",
    {},
    el("caption", { class: "visually-hidden" }, "Latest metrics"),
    el("thead", {}, el("tr", {}, heading("Metric"), heading("Latest", "number"), heading("History", "history"))),
    el("tbody", {}, ...names.map((name) => row(name, metrics[name], history))),
  );
}

function heading(text, kind) {
  return el("th", { scope: "col", class: kind }, text);
}

function row(name, value, history) {
  const { label, unit } = metricName(name);
  const values = history.map((point) => point.metrics[name]);
  return el(
    "tr",
    { "data-metric": name },
    el("th", { scope: "row", title: name }, label),
    el("td", { class: "number" }, number(value), unit && value !== null ? el("span", { class: "unit" }, ` ${unit}`) : ""),
    el("td", { class: "history" }, sparkLine(values)),
  );
}

customElements.define("metric-table", MetricTable);
