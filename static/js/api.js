const ANSWER_MS = 6_000;
const TRIES = 4;

/** A refusal of the server (RFC 9457) or, with status 0, no answer from it at all. */
export class Problem extends Error {
  constructor(status, { title, detail, error, errors } = {}) {
    super(detail ?? error ?? title ?? `The server answered ${status}.`);
    this.status = status;
    this.errors = errors ?? [];
  }
}

/** The address as the rest of the page uses it: http or https, without a slash at its end. */
export function serverAddress(text) {
  const url = new URL(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`);
  if (!["http:", "https:"].includes(url.protocol)) throw new TypeError("only http and https addresses");
  return url.origin + url.pathname.replace(/\/+$/, "");
}

/** The REST API of one server. */
export class Api {
  #known = null;

  constructor(server) {
    this.server = server;
  }

  workloads() {
    return this.#get("/workloads").then((answer) => answer.workloads);
  }

  /** What the server says of this type, asked once; undefined for one that it does not have. */
  async workload(type) {
    this.#known ??= this.workloads().catch((problem) => {
      this.#known = null;
      throw problem;
    });
    return (await this.#known).find((workload) => workload.type === type);
  }

  search(taskId, words, limit, offset) {
    return this.#get(`/tasks/${encodeURIComponent(taskId)}/search?${new URLSearchParams({ q: words, limit, offset })}`);
  }

  /** Training jobs, newest first. */
  trainingJobs() {
    return this.#get("/training/jobs");
  }

  /** `pause`, `resume` or `stop` a training job. */
  controlJob(jobId, action) {
    return this.#post(`/training/jobs/${encodeURIComponent(jobId)}/${action}`, {});
  }

  /** Every stored event of one type, in order. */
  async events(taskId, type, limit = 1000) {
    const found = [];
    for (let since = 0, more = true; more; since = found.at(-1)?.seq ?? since) {
      const query = new URLSearchParams({ event_type: type, since, limit });
      const { events } = await this.#get(`/tasks/${encodeURIComponent(taskId)}/events?${query}`);
      found.push(...events);
      more = events.length === limit;
    }
    return found;
  }

  /** Send files together, however long that takes. */
  async upload(files) {
    const body = new FormData();
    for (const file of files) body.append("file", file, file.name);
    const response = await fetch(`${this.server}/api/files`, { method: "POST", body, headers: { Accept: "application/json" } }).catch(() => {
      throw new Problem(0, { detail: `${this.server} took no files: it is away, or closed the connection.` });
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Problem(response.status, answer);
    return answer;
  }

  recentTasks(limit) {
    return this.#get(`/tasks?limit=${limit}`);
  }

  task(taskId) {
    return this.#get(`/tasks/${encodeURIComponent(taskId)}`);
  }

  createTask(task) {
    return this.#post("/tasks", task, { "Idempotency-Key": randomKey() });
  }

  command(taskId, command) {
    return this.#post(`/tasks/${encodeURIComponent(taskId)}/${command}`, {});
  }

  result(taskId) {
    return this.#get(`/tasks/${encodeURIComponent(taskId)}/result`);
  }

  visualizationUrl(taskId, file) {
    return `${this.server}/api/tasks/${encodeURIComponent(taskId)}/visualizations/${encodeURIComponent(file)}`;
  }

  logUrl(taskId) {
    return `${this.server}/api/tasks/${encodeURIComponent(taskId)}/events?event_type=log`;
  }

  #get(path) {
    return this.#request(path, {});
  }

  #post(path, body, headers = {}) {
    return this.#request(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  }

  async #request(path, options) {
    const response = await this.#answered(path, options, TRIES).catch(() => {
      throw new Problem(0, { detail: `${this.server} does not answer.` });
    });
    const answer = await response.json().catch(() => {
      if (response.ok) throw new Problem(0, { detail: `The answer of ${this.server} broke off.` });
      return {};
    });
    if (!response.ok) throw new Problem(response.status, answer);
    return answer;
  }

  /**
   * Asks again when no answer comes: after a suspension the connections that the browser has kept are dead
   * without knowing it. Every request here may be heard twice.
   */
  async #answered(path, options, tries) {
    const headers = { Accept: "application/json", ...options.headers };
    try {
      return await fetch(`${this.server}/api${path}`, { ...options, headers, signal: AbortSignal.timeout(ANSWER_MS) });
    } catch (problem) {
      if (problem.name !== "TimeoutError" || tries <= 1) throw problem;
      return this.#answered(path, options, tries - 1);
    }
  }
}

function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
