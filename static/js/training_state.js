import { isTerminal } from "./lifecycle.js";

export const METRICS = ["train_loss", "val_loss", "train_acc", "val_acc", "learning_rate"];
const LASTING = ["name", "totalEpochs", "startTime"];
/** The protocol's word for a cancelled job. */
const STOPPED = "stopped";

/** Whether a job of this status has ended. */
export function hasEnded(status) {
  return status === STOPPED || isTerminal(status);
}

/** The commands a person may give a job now, as its routes name them. */
export function legalActions(status) {
  if (status === "running") return ["pause", "stop"];
  if (status === "paused") return ["resume", "stop"];
  return status === "pending" ? ["stop"] : [];
}

/**
 * What is known of every training job, from whatever told it: the list, the socket, the history of epochs.
 *
 * A job is `{id, name, status, progress, epoch, totalEpochs, loss, accuracy, startTime, batch, totalBatches, error,
 * best, asked, epochs}`; `asked` is the command that was received and has not taken effect, `epochs` a map from the
 * number of an epoch to its metrics.
 */
export class Jobs {
  #jobs = new Map();
  #moment = 0;

  /** To be noted before something is asked for: what is heard after it may be newer than the answer. */
  get moment() {
    return this.#moment;
  }

  get(id) {
    return this.#jobs.get(id);
  }

  /** Newest first. */
  all() {
    return [...this.#jobs.values()].sort((a, b) => b.order - a.order);
  }

  /** Rows of `GET /api/training/jobs`, newest first, asked for at that moment; gives what has changed, as `hear`. */
  list(rows, moment = this.#moment) {
    const first = this.#jobs.size === 0;
    const changes = rows.toReversed().flatMap((row) => this.row(row, moment));
    const listed = new Set(rows.map(({ id }) => id));
    const later = this.all().filter(({ id }) => !listed.has(id));
    [...rows.toReversed(), ...later.toReversed()].forEach(({ id }, order) => (this.#job(id).order = order));
    return first ? [] : changes;
  }

  /** One such row; as `hear`. Of a job that was heard of since, only what never changes is taken. */
  row(row, moment = this.#moment) {
    const outdated = (this.#jobs.get(row.id)?.heard ?? 0) > moment;
    return this.#update(row.id, outdated ? pick(row, LASTING) : row);
  }

  /**
   * A message of `/ws/training/…`; gives what of it a person may want to be told: `{id, kind}`, kind one of new,
   * completed, failed, stopped, paused, running.
   */
  hear(message) {
    const changes = HEARD[message.type]?.(this, message) ?? [];
    const job = this.#jobs.get(message.job_id);
    if (job) job.heard = ++this.#moment;
    return changes;
  }

  /** Events `iteration_complete` of a job's history. What has been heard live of an epoch stands. */
  history(id, events) {
    const job = this.#job(id);
    for (const { data } of events) {
      if (!job.live.has(data.iteration)) job.epochs.set(data.iteration, data.metrics);
    }
  }

  /** A command was received (or, with null, was refused). */
  asked(id, action) {
    this.#job(id).asked = action;
  }

  /** What the task itself tells more. */
  about(id, { name, error, max_iterations: total, params }) {
    const job = this.#job(id);
    if (name) job.name = name;
    job.error = error ?? job.error;
    job.totalEpochs = total ?? params?.epochs ?? job.totalEpochs;
  }

  status(message) {
    return this.#update(message.job_id, pick(message, ["status", "progress", "epoch", "loss", "accuracy"]));
  }

  batch({ job_id: id, epoch, batch, total_batches: totalBatches }) {
    Object.assign(this.#job(id), { underway: epoch, batch, totalBatches });
    return [];
  }

  epoch(message) {
    const job = this.#job(message.job_id);
    job.epochs.set(message.epoch, pick(message, METRICS));
    job.live.add(message.epoch);
    Object.assign(job, { epoch: message.epoch, batch: null });
    return [];
  }

  complete(message) {
    this.#job(message.job_id).best = message.best;
    return this.#update(message.job_id, { ...pick(message, ["status", "progress"]), epoch: message.epochs });
  }

  failed({ job_id: id, message }) {
    if (!id) return [];
    this.#job(id).error = message;
    return [];
  }

  #job(id) {
    if (!this.#jobs.has(id)) this.#jobs.set(id, newJob(id, this.#jobs.size));
    return this.#jobs.get(id);
  }

  #update(id, values) {
    const fresh = !this.#jobs.has(id);
    const job = this.#job(id);
    const before = job.status;
    Object.assign(job, values);
    if (job.status !== before) job.asked = null;
    if (hasEnded(job.status)) job.batch = null;
    if (fresh) return [{ id, kind: "new" }];
    return job.status === before || hasEnded(before) ? [] : [{ id, kind: job.status }];
  }
}

const HEARD = {
  status_update: (jobs, message) => jobs.status(message),
  batch_progress: (jobs, message) => jobs.batch(message),
  epoch_complete: (jobs, message) => jobs.epoch(message),
  training_complete: (jobs, message) => jobs.complete(message),
  error: (jobs, message) => jobs.failed(message),
};

function newJob(id, order) {
  return {
    id,
    order,
    heard: 0,
    name: id.slice(0, 8),
    status: "pending",
    progress: 0,
    epoch: 0,
    totalEpochs: null,
    loss: null,
    accuracy: null,
    startTime: null,
    underway: null,
    batch: null,
    totalBatches: null,
    error: null,
    best: null,
    asked: null,
    epochs: new Map(),
    live: new Set(),
  };
}

/** Columns for a chart: the numbers of the epochs in order, then each metric's values; null where there is none. */
export function columns(epochs, metrics) {
  const numbers = [...epochs.keys()].sort((a, b) => a - b);
  return [numbers, ...metrics.map((name) => numbers.map((number) => finite(epochs.get(number)[name])))];
}

/** "epoch 3 of 80, batch 12 of 90" */
export function place({ epoch, totalEpochs, underway, batch, totalBatches }) {
  const total = totalEpochs ? ` of ${totalEpochs}` : "";
  return batch === null ? `epoch ${epoch ?? 0}${total}` : `epoch ${underway}${total}, batch ${batch} of ${totalBatches}`;
}

function finite(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function pick(values, names) {
  return Object.fromEntries(names.filter((name) => values[name] !== undefined).map((name) => [name, values[name]]));
}
