import { el, icon } from "../dom.js";

const UNDERWAY = { pause: "pausing …", resume: "resuming …", cancel: "cancelling …" };

/** The word for a command that was received and has not taken effect. */
export function underway(command) {
  return UNDERWAY[command] ?? `${command} …`;
}

/** A task's status as colour, picture and word. */
export function statusBadge(status) {
  return el("span", { class: "badge", "data-status": status }, icon(status), status);
}
