import { el } from "../dom.js";
import { number, words } from "../format.js";

/** A JSON object as names and values; what is nested is folded away in the same manner. */
export function valueList(object) {
  const rows = Object.entries(object).map(([name, value]) => el("div", {}, el("dt", {}, words(name)), el("dd", {}, shownValue(value))));
  return el("dl", { class: "values" }, ...rows);
}

/** Objects of the same flat shape as a table, one row each. */
export function recordTable(records, caption) {
  const names = Object.keys(records[0]);
  return el(
    "div",
    { class: "records" },
    el(
      "table",
      {},
      el("caption", {}, caption),
      el("thead", {}, el("tr", {}, ...names.map((name) => el("th", { scope: "col", class: kindOf(records[0][name]) }, words(name))))),
      el("tbody", {}, ...records.map((record) => el("tr", {}, ...names.map((name) => cell(record[name]))))),
    ),
  );
}

export function areRecords(value) {
  return Array.isArray(value) && value.length > 0 && value.every(isFlat);
}

function isFlat(value) {
  return isObject(value) && Object.values(value).every((item) => item === null || typeof item !== "object");
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function cell(value) {
  return el("td", { class: kindOf(value), "data-value": typeof value === "boolean" ? String(value) : null }, shownValue(value));
}

function kindOf(value) {
  return typeof value === "number" ? "number" : null;
}

function shownValue(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return number(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.join(", ") || "none";
  if (Array.isArray(value)) return folded(counted(value.length, "entry", "entries"), areRecords(value) ? recordTable(value, "") : json(value));
  return folded(counted(Object.keys(value).length, "value", "values"), valueList(value));
}

function counted(n, one, many) {
  return `${n} ${n === 1 ? one : many}`;
}

function folded(summary, content) {
  return el("details", {}, el("summary", {}, summary), content);
}

function json(value) {
  return el("pre", {}, JSON.stringify(value, null, 2));
}
