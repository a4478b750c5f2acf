import { svg } from "../dom.js";

const WIDTH = 160;
const HEIGHT = 28;
const EDGE = 3;

/** A small picture of a metric's history: the numbers in order, the last one as a dot. */
export function sparkLine(values) {
  const numbers = values.map((value, index) => [index, value]).filter(([, value]) => Number.isFinite(value));
  const picture = svg("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true", focusable: "false" });
  if (numbers.length < 2) return picture;
  const points = numbers.map(placing(values.length, numbers));
  const [x, y] = points.at(-1);
  picture.append(
    svg("polyline", { points: points.map((point) => point.join(",")).join(" ") }),
    svg("circle", { cx: x, cy: y, r: 2.5 }),
  );
  return picture;
}

function placing(count, numbers) {
  const heights = numbers.map(([, value]) => value);
  const low = Math.min(...heights);
  const span = Math.max(...heights) - low || 1;
  return ([index, value]) => [
    rounded(EDGE + (index / (count - 1)) * (WIDTH - 2 * EDGE)),
    rounded(HEIGHT - EDGE - ((value - low) / span) * (HEIGHT - 2 * EDGE)),
  ];
}

function rounded(n) {
  return Math.round(n * 10) / 10;
}
