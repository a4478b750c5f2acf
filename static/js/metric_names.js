import { words } from "./format.js";

const KNOWN = {
  max_temp: ["Highest temperature", "°C"],
  min_temp: ["Lowest temperature", "°C"],
  min_clearance: ["Smallest clearance", "mm"],
  cg_offset: ["Centre of gravity offset", "mm"],
  best_objective: ["Best objective", ""],
  violations: ["Violated constraints", ""],
  feasible_fraction: ["Feasible share", ""],
  train_loss: ["Training loss", ""],
  val_loss: ["Validation loss", ""],
  train_acc: ["Training accuracy", ""],
  val_acc: ["Validation accuracy", ""],
};

/** `{label, unit}` of a metric; one that is not known reads as its own name. */
export function metricName(name) {
  const [label, unit] = KNOWN[name] ?? [words(name), ""];
  return { label, unit };
}
