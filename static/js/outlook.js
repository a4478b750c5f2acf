import { roughly } from "./format.js";

const SOON = 5;

/**
 * What can be expected of a task, in words; "" when nothing is known. `outlook` as `outlookOf` makes it, `now` in
 * ms by the server's clock.
 */
export function expectation(status, { position, startsAt, seconds, endsAt }, now) {
  if (status === "pending") return waiting(position, startsAt, seconds, now);
  return status === "running" && endsAt !== null ? `${about(secondsUntil(endsAt, now))} left, by earlier runs` : "";
}

/** What a task's resource says of it; of a task that tells its own time left nothing else. */
export function outlookOf(task) {
  return {
    position: task.queue_position ?? null,
    startsAt: task.estimated_start_at ?? null,
    seconds: task.expected_seconds ?? null,
    endsAt: task.eta_seconds === null ? (task.estimated_end_at ?? null) : null,
  };
}

export const UNKNOWN = Object.freeze({ position: null, startsAt: null, seconds: null, endsAt: null });

/** 1st, 2nd, 3rd, 4th, 11th */
export function ordinal(n) {
  const ending = [11, 12, 13].includes(n % 100) ? "th" : (["th", "st", "nd", "rd"][n % 10] ?? "th");
  return `${n}${ending}`;
}

function waiting(position, startsAt, seconds, now) {
  const said = [];
  if (position !== null) said.push(`${ordinal(position)} in the queue`);
  if (startsAt !== null) said.push(`starts in ${about(secondsUntil(startsAt, now))}`);
  if (startsAt !== null && seconds !== null) said.push(`usually takes ${about(seconds)}`);
  return said.join(", ");
}

function secondsUntil(timestamp, now) {
  return (Date.parse(timestamp) - now) / 1000;
}

function about(seconds) {
  return seconds < SOON ? "a moment" : `about ${roughly(seconds)}`;
}
