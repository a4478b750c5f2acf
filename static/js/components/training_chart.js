import uPlot from "../../vendor/uplot-1.6.32/uPlot.esm.js";
import { el, setText } from "../dom.js";
import { number } from "../format.js";
import { throttled } from "../throttle.js";

const HEIGHT = 220;
const PACE_MS = 100;
const LINES = ["--blue", "--amber"];
const SCHEME = "(prefers-color-scheme: dark)";

/**
 * Curves over epochs. Drag zooms, a double click shows all again, the cursor shows values. It is drawn at most ten
 * times a second, and not at all while it is out of sight.
 */
class TrainingChart extends HTMLElement {
  #title;
  #series;
  #log = false;
  #offersLog;
  #data = [[]];
  #plot = null;
  #inSight = false;
  #stale = false;
  #box = el("div", { class: "plot" });
  #summary = el("p", { class: "hint" });
  #draw = throttled(
    () => PACE_MS,
    () => this.#drawn(),
  );
  #sight = new IntersectionObserver(([{ isIntersecting }]) => this.#seen(isIntersecting));
  #size = new ResizeObserver(() => this.#resized());
  #scheme = matchMedia(SCHEME);
  #recoloured = () => this.#rebuild();

  /** `series`: `[name, label]` of each curve; `offersLog`: whether a person may choose a logarithmic scale. */
  constructor(title, series, { offersLog = false } = {}) {
    super();
    this.#title = title;
    this.#series = series;
    this.#offersLog = offersLog;
  }

  connectedCallback() {
    const scale = el("button", { type: "button", class: "small quiet", "aria-pressed": "false" }, "Log scale");
    scale.addEventListener("click", () => {
      this.#log = !this.#log;
      scale.setAttribute("aria-pressed", String(this.#log));
      this.#rebuild();
    });
    const head = el("div", { class: "chart-head" }, el("h4", {}, this.#title), this.#offersLog ? scale : null);
    this.#box.setAttribute("role", "img");
    this.replaceChildren(head, this.#box, this.#summary);
    this.#sight.observe(this);
    this.#size.observe(this.#box);
    this.#scheme.addEventListener("change", this.#recoloured);
  }

  disconnectedCallback() {
    this.#sight.disconnect();
    this.#size.disconnect();
    this.#scheme.removeEventListener("change", this.#recoloured);
    this.#plot?.destroy();
    this.#plot = null;
    this.#inSight = false;
  }

  /** `[epochs, values of the first curve, …]` */
  set data(data) {
    this.#data = data;
    this.#draw();
  }

  /** What is drawn, for tests and for who asks. */
  get data() {
    return this.#data;
  }

  #drawn() {
    this.#stale = !this.#inSight;
    const latest = this.#series.map(([, label], index) => `${label} ${number(this.#data[index + 1]?.findLast((value) => value !== null))}`);
    const words = this.#data[0].length ? `After epoch ${this.#data[0].at(-1)}: ${latest.join(", ")}` : "No epoch has ended yet.";
    setText(this.#summary, words);
    this.#box.setAttribute("aria-label", `${this.#title}. ${words}`);
    this.#box.hidden = !this.#data[0].length;
    if (this.#inSight && !this.#box.hidden) this.#paint();
  }

  #paint() {
    if (!this.#plot) this.#plot = this.#made();
    else this.#plot.setData(this.#shown(), !this.#zoomed());
  }

  #zoomed() {
    const { min, max } = this.#plot.scales.x;
    const [numbers] = this.#plot.data;
    return numbers.length > 1 && (min > numbers[0] || max < numbers.at(-1));
  }

  /** A logarithm has no place for zero and less. */
  #shown() {
    if (!this.#log) return this.#data;
    return [this.#data[0], ...this.#data.slice(1).map((values) => values.map((value) => (value > 0 ? value : null)))];
  }

  #seen(inSight) {
    this.#inSight = inSight;
    if (inSight && (this.#stale || !this.#plot)) this.#draw();
  }

  #resized() {
    const width = this.#box.clientWidth;
    if (this.#plot && width && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
  }

  #rebuild() {
    this.#plot?.destroy();
    this.#plot = null;
    this.#draw();
  }

  #made() {
    const style = getComputedStyle(this);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, font: `12px ${colour("--font")}` };
    const options = {
      width: this.#box.clientWidth || 320,
      height: HEIGHT,
      scales: { x: { time: false, range: (_, min, max) => (min === max ? [min - 1, max + 1] : [min, max]) }, y: { distr: this.#log ? 3 : 1 } },
      axes: [
        { ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000], values: (_, splits) => splits.map((value) => (Number.isInteger(value) ? String(value) : "")) },
        { ...axis, size: 64, values: (_, splits) => splits.map((value) => (value === null ? "" : number(value))) },
      ],
      series: [
        { label: "Epoch" },
        ...this.#series.map(([, label], index) => ({
          label,
          stroke: colour(LINES[index]),
          width: 2,
          dash: index ? [6, 4] : undefined,
          points: { show: this.#data[0].length < 3, size: 6 },
          value: (_, value) => (value === null ? "–" : number(value)),
        })),
      ],
      cursor: { drag: { x: true, y: false } },
    };
    return new uPlot(options, this.#shown(), this.#box);
  }
}

customElements.define("training-chart", TrainingChart);

export { TrainingChart };
