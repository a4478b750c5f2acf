const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
// Made once: a formatter of its own for each line of a long log is most of the time that the log takes.
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const THIN_SPACE = "\u202f";
const ACRONYMS = new Set(["bom", "cg", "csv", "eta", "id", "json", "url"]);

/** 4 s, 3 min 05 s, 2 h 07 min, 3 d 4 h */
export function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < MINUTE) return `${s} s`;
  if (s < HOUR) return `${Math.floor(s / MINUTE)} min ${padded(s % MINUTE)} s`;
  if (s < DAY) return `${Math.floor(s / HOUR)} h ${padded(Math.floor((s % HOUR) / MINUTE))} min`;
  return `${Math.floor(s / DAY)} d ${Math.floor((s % DAY) / HOUR)} h`;
}

/** The same without seconds from a minute on: 4 s, 3 min, 2 h 07 min */
export function roughly(seconds) {
  return duration(seconds < MINUTE ? seconds : seconds - (seconds % MINUTE)).replace(" 00 s", "");
}

export function ago(seconds) {
  return seconds < 5 ? "just now" : `${roughly(seconds)} ago`;
}

/** Four significant digits, thousands apart; words as they are. */
export function number(value) {
  if (typeof value !== "number") return value ?? "–";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e7 || size < 1e-3)) return value.toExponential(2);
  const digits = size >= 1000 ? { maximumFractionDigits: 1 } : { maximumSignificantDigits: 4 };
  return value.toLocaleString("en", digits).replaceAll(",", THIN_SPACE);
}

export function clockTime(timestamp) {
  return CLOCK.format(Date.parse(timestamp));
}

export function fullTime(timestamp) {
  return FULL.format(Date.parse(timestamp));
}

/** max_temp → Max temp, bom_file → BOM file */
export function words(name) {
  const spaced = name.split(/[_\s]+|(?<=\w)-(?=\w)/).map((word) => (ACRONYMS.has(word) ? word.toUpperCase() : word)).join(" ");
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

function padded(n) {
  return String(n).padStart(2, "0");
}
