import { Emitter } from "./emitter.js";
import * as task from "./task_state.js";
import { TaskStream } from "./task_stream.js";

/** One task, live: a `TaskStream` folded into a state. Fires `begin`, `change`, `end`, `refused`. */
export class TaskWatch extends Emitter {
  #stream;

  constructor(connection, taskId) {
    super();
    this.taskId = taskId;
    this.state = null;
    this.refused = false;
    this.position = { cursor: 0, lastSeq: 0 };
    this.#stream = new TaskStream(connection, taskId, { since: 0 });
    this.#stream.on("reset", ({ task: resource, whole }) => this.#begin(task.seeded(resource, whole)));
    this.#stream.on("resumed", ({ task: resource }) => this.#become(task.withResource(this.state, resource)));
    this.#stream.on("event", (envelope) => this.#become(task.reduce(this.state, envelope)));
    this.#stream.on("lagged", (notice) => this.#become(task.lagged(this.state, notice)));
    this.#stream.on("position", (position) => {
      this.position = position;
      this.fire("change");
    });
    this.#stream.on("end", (status) => this.fire("end", status));
    this.#stream.on("refused", (refusal) => {
      this.refused = true;
      this.fire("refused", refusal);
    });
  }

  get caughtUp() {
    return this.state !== null && this.position.cursor >= this.position.lastSeq;
  }

  start() {
    this.#stream.start();
  }

  stop() {
    this.#stream.stop();
  }

  /** Take over what the task's resource says, as after a command. */
  update(resource) {
    if (this.state) this.#become(task.withResource(this.state, resource));
  }

  /** Take over what can be expected of it, from an answer to GET. */
  expect(resource) {
    if (this.state) this.#become(task.withOutlook(this.state, resource));
  }

  #begin(state) {
    this.state = state;
    this.fire("begin");
    this.fire("change");
  }

  #become(state) {
    this.state = state;
    this.fire("change");
  }
}
