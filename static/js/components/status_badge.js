import { el, icon } from "../dom.js";

const UNDERWAY = { pause: "pausing …", resume: "resuming …", cancel: "cancelling …" };

/** The word for a command that was received and has not taken effect. */
export function underway(command) {
  return UNDERWAY[command] ?? `${command} …`;
}

/** A task's status as colour, picture and word. One that runs and has long been silent says so. */
export function statusBadge({ status, stalled }) {
  if (!shownStalled({ status, stalled })) return el("span", { class: "badge", "data-status": status }, icon(status), status);
  return el("span", { class: "badge", "data-status": "stalled", title: "It runs, and has reported nothing for long" }, icon("warning"), "stalled");
}

/** What tells one badge from another. */
export function badgeOf({ status, stalled }) {
  return shownStalled({ status, stalled }) ? "stalled" : status;
}

function shownStalled({ status, stalled }) {
  return status === "running" && stalled;
}
