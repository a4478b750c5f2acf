import { UNKNOWN, outlookOf } from "./outlook.js";

/**
 * What a task looks like after each of its events: (state, envelope) → state, without clock or page.
 *
 * Logs and metric history are bounded; what was dropped is counted, never hidden.
 */
export const MAX_LOG_LINES = 2000;
export const MAX_POINTS = 1000;

export function initialState(taskId) {
  return {
    taskId,
    name: "",
    type: "",
    params: null,
    status: null,
    stalled: false,
    message: "",
    attempt: 0,
    maxAttempts: 1,
    outlook: UNKNOWN,
    waitingOn: [],
    pendingCommand: null,
    statusSeq: 0,
    progress: { current: null, total: null, percent: 0, eta: null, at: null },
    retry: null,
    metrics: {},
    history: [],
    log: [],
    logDropped: 0,
    error: null,
    traceback: null,
    result: null,
    createdAt: null,
    startedAt: null,
    endedAt: null,
    lastSeq: 0,
    whole: true,
    skipped: 0,
  };
}

/** The picture to start from. Without the whole history the task's resource supplies the rest. */
export function seeded(task, whole) {
  const state = withResource(initialState(task.task_id), task);
  if (whole) return state;
  return {
    ...state,
    whole: false,
    status: task.status,
    stalled: task.stalled ?? false,
    message: task.message ?? "",
    attempt: task.attempt ?? 0,
    progress: progressOf(task, null),
    metrics: task.metrics ?? {},
    error: task.error ?? null,
    result: task.result ?? null,
    startedAt: task.started_at ?? null,
    endedAt: task.completed_at ?? null,
  };
}

/** What only the task's resource tells. A command is pending unless a later event already shows its effect. */
export function withResource(state, task) {
  const fresh = (task.last_seq ?? 0) >= state.statusSeq;
  return {
    ...state,
    name: task.name ?? "",
    type: task.type ?? "",
    params: task.params ?? null,
    maxAttempts: task.max_attempts ?? 1,
    createdAt: task.created_at ?? null,
    waitingOn: task.waiting_on ?? [],
    pendingCommand: fresh ? (task.pending_command ?? null) : state.pendingCommand,
  };
}

/** What can be expected of it, which only an answer to GET tells. One of another status is out of date. */
export function withOutlook(state, task) {
  return task.status === state.status ? { ...state, outlook: outlookOf(task) } : state;
}

/** Whether the server may know more of when it starts or ends than its events say. */
export function hasOutlook({ status, progress }) {
  return status === "pending" || (status === "running" && progress.eta === null);
}

export function lagged(state, { skipped }) {
  return { ...state, skipped: state.skipped + skipped };
}

export function reduce(state, envelope) {
  const effect = EFFECTS[envelope.event_type];
  const next = effect ? effect(state, envelope) : state;
  return { ...next, lastSeq: envelope.seq };
}

const EFFECTS = {
  status_change(state, envelope) {
    const { seq, data, timestamp } = envelope;
    const again = (data.attempt ?? state.attempt) > state.attempt && state.attempt > 0;
    return withLine(
      {
        ...state,
        status: data.status,
        stalled: data.stalled ?? (state.stalled && data.status === state.status && !again),
        message: data.message ?? "",
        attempt: data.attempt ?? state.attempt,
        pendingCommand: null,
        statusSeq: seq,
        outlook: data.status === state.status ? state.outlook : UNKNOWN,
        waitingOn: data.waiting_on ?? state.waitingOn,
        progress: statusProgress(state.progress, data.status, again),
        retry: data.retry_at ? { error: data.error, at: data.retry_at } : null,
        result: data.result ?? state.result,
        startedAt: data.status === "running" ? (state.startedAt ?? timestamp) : state.startedAt,
        endedAt: ["completed", "cancelled"].includes(data.status) ? timestamp : null,
      },
      envelope,
      "status",
      statusLine(data),
    );
  },

  progress(state, { data, timestamp }) {
    return { ...state, message: data.message ?? state.message, progress: progressOf(data, timestamp) };
  },

  iteration_complete(state, { data }) {
    const metrics = shown(data);
    const kept = state.history.filter((point) => point.iteration < data.iteration).slice(1 - MAX_POINTS);
    return {
      ...state,
      metrics: { ...state.metrics, ...metrics },
      history: [...kept, { iteration: data.iteration, metrics }],
    };
  },

  log(state, envelope) {
    return withLine(state, envelope, envelope.data.level ?? "info", envelope.data.message ?? "");
  },

  error(state, envelope) {
    const { seq, data, timestamp } = envelope;
    return withLine(
      {
        ...state,
        status: "failed",
        stalled: false,
        outlook: UNKNOWN,
        statusSeq: seq,
        pendingCommand: null,
        retry: null,
        error: data.error,
        traceback: data.traceback ?? null,
        progress: { ...state.progress, eta: null },
        endedAt: timestamp,
      },
      envelope,
      "status",
      `failed: ${data.error}`,
    );
  },
};

function progressOf(data, timestamp) {
  return {
    current: data.current_iteration ?? null,
    total: data.max_iterations ?? null,
    percent: data.progress_percent ?? 0,
    eta: data.eta_seconds ?? null,
    at: timestamp,
  };
}

function statusProgress(progress, status, again) {
  if (again) return { current: null, total: progress.total, percent: 0, eta: null, at: null };
  if (status === "completed") return { ...progress, percent: 100, eta: null };
  return status === "running" ? progress : { ...progress, eta: null };
}

function statusLine({ status, message, error }) {
  const more = message || error;
  return more && more !== status ? `${status}: ${more}` : status;
}

/** The metrics as they are shown: a number, or the word for one that JSON cannot carry. */
function shown({ metrics, nonfinite = {} }) {
  return { ...metrics, ...nonfinite };
}

function withLine(state, { seq, timestamp }, level, message) {
  const log = [...state.log, { seq, at: timestamp, level: level.toLowerCase(), message }];
  const over = Math.max(0, log.length - MAX_LOG_LINES);
  return { ...state, log: over ? log.slice(over) : log, logDropped: state.logDropped + over };
}
