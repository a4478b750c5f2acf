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
  constructor(server) {
    this.server = server;
  }

  workloads() {
    return this.#get("/workloads").then((answer) => answer.workloads);
  }

  recentTasks(limit) {
    return this.#get(`/tasks?limit=${limit}`);
  }

  createTask(task) {
    return this.#post("/tasks", task);
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

  #post(path, body) {
    return this.#request(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  async #request(path, options) {
    const response = await fetch(`${this.server}/api${path}`, { ...options, headers: { Accept: "application/json", ...options.headers } }).catch(() => {
      throw new Problem(0, { detail: `${this.server} does not answer.` });
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Problem(response.status, answer);
    return answer;
  }
}
