export const TASK = "0b5c7d1e-0000-4000-8000-000000000001";

const START = Date.parse("2026-01-01T00:00:00Z");

export function envelope(seq, event_type, data) {
  return { task_id: TASK, seq, event_type, data, timestamp: new Date(START + seq * 1000).toISOString() };
}

export const status = (seq, value, more = {}) => envelope(seq, "status_change", { status: value, message: "", attempt: 1, ...more });
export const log = (seq, message, level = "info") => envelope(seq, "log", { level, message });
export const progress = (seq, current, total = 20) =>
  envelope(seq, "progress", {
    attempt: 1,
    current_iteration: current,
    max_iterations: total,
    progress_percent: total ? (100 * current) / total : 0,
    eta_seconds: 5,
  });
export const iteration = (seq, number, metrics, more = {}) =>
  envelope(seq, "iteration_complete", { attempt: 1, iteration: number, metrics, ...more });
export const failure = (seq, error, traceback) => envelope(seq, "error", { status: "failed", error, traceback });

export function resource(more = {}) {
  return {
    id: TASK,
    task_id: TASK,
    type: "optimization",
    name: "first light",
    status: "pending",
    message: "",
    attempt: 1,
    max_attempts: 1,
    params: { max_iterations: 20 },
    metrics: {},
    pending_command: null,
    queue_position: null,
    progress_percent: 0,
    current_iteration: 0,
    max_iterations: null,
    eta_seconds: null,
    created_at: "2026-01-01T00:00:00.000000Z",
    started_at: null,
    completed_at: null,
    result: null,
    error: null,
    last_seq: 0,
    ...more,
  };
}
