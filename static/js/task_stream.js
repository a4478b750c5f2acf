import { backoffSeconds } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { endedBy, isTerminal } from "./lifecycle.js";
import { reach } from "./seq_ranges.js";

const FINAL_REFUSALS = new Set(["not_found", "forbidden", "invalid"]);

/**
 * One task's events over a `Connection`: each once, in order, across any number of lost connections.
 *
 * Resumes at its last `seq` with the journal's `epoch`, drops duplicates, asks again when a number is
 * missing, and ends only by the task's own terminal event. Fires
 *   `reset`    {task, whole}  build the picture anew; `whole` is false when the stored history has a beginning
 *                             that is lost, and what follows is only the latest state. It may come in the
 *                             middle too: history was trimmed under a reader that was too slow
 *   `resumed`  {task}         the connection is back and the picture goes on
 *   `event`    envelope
 *   `lagged`   {from_seq, to_seq, skipped}
 *   `position` {cursor, lastSeq}
 *   `end`      status
 *   `refused`  {code, message}
 *
 * `since` is the seq to start after: 0 is the whole history, null only the latest state.
 */
export class TaskStream extends Emitter {
  #connection;
  #since;
  #detach = [];
  #timer = null;
  #round = 0;
  #awaiting = true;
  #failures = 0;
  #epoch = null;
  #cursor = 0;
  #floor = 0;
  #skipped = [];
  #lastSeq = 0;
  #over = false;

  constructor(connection, taskId, { since = 0 } = {}) {
    super();
    this.taskId = taskId;
    this.#connection = connection;
    this.#since = since;
  }

  start() {
    this.#detach = [
      this.#connection.on("live", () => this.#subscribe()),
      this.#connection.on("change", ({ phase }) => phase !== "live" && this.#pause()),
      this.#connection.on("subscribed", (answer) => this.#mine(answer) && this.#subscribed(answer)),
      this.#connection.on("task_update", (envelope) => this.#mine(envelope) && this.#received(envelope)),
      this.#connection.on("lagged", (notice) => this.#mine(notice) && this.#lagged(notice)),
    ];
    if (this.#connection.live) this.#subscribe();
    return this;
  }

  stop() {
    if (this.#over) return;
    this.#leave();
    this.#connection.send("unsubscribe", { task_id: this.taskId });
  }

  #leave() {
    this.#over = true;
    this.#pause();
    for (const detach of this.#detach) detach();
  }

  #mine(message) {
    return message.task_id === this.taskId && !this.#over;
  }

  #pause() {
    clearTimeout(this.#timer);
    this.#round += 1;
    this.#awaiting = true;
  }

  #cursorOrFloor() {
    return Math.max(this.#cursor, this.#floor);
  }

  #resumePoint() {
    return this.#cursor > 0 ? this.#cursorOrFloor() : this.#since;
  }

  #subscribe() {
    this.#pause();
    const round = this.#round;
    const request = { task_id: this.taskId };
    if (this.#resumePoint() !== null) request.since = this.#resumePoint();
    if (this.#epoch !== null) request.epoch = this.#epoch;
    this.#connection.request("subscribe", request).then(
      (answer) => round === this.#round && this.#answered(answer),
      () => round === this.#round && this.#awaiting && this.#askAgain(),
    );
  }

  #answered(answer) {
    if (answer?.ok !== false) return;
    if (!FINAL_REFUSALS.has(answer.code)) return this.#askAgain();
    this.#leave();
    this.fire("refused", { code: answer.code, message: answer.message });
  }

  #askAgain() {
    this.#pause();
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#connection.live && this.#subscribe(), backoffSeconds(this.#failures) * 1000);
  }

  #subscribed({ epoch, last_seq: lastSeq, recovered, task }) {
    const unasked = !this.#awaiting;
    if (unasked && recovered !== false) return;
    this.#awaiting = false;
    this.#epoch = epoch;
    this.#skipped = [];
    this.#lastSeq = lastSeq;
    if (recovered && this.#cursor > 0) this.fire("resumed", { task });
    else if (unasked || recovered || !this.#resumePoint()) this.#begin(task, recovered, lastSeq);
    else return this.#startOver();
    if (recovered && isTerminal(task?.status) && lastSeq <= this.#cursorOrFloor()) return this.#askForTheEnd(lastSeq);
    this.#report();
  }

  /** The end lies at or before the place to go on from, and has not come: the connection broke just before it. */
  #askForTheEnd(lastSeq) {
    this.#cursor = lastSeq - 1;
    this.#floor = 0;
    this.#subscribe();
  }

  #begin(task, recovered, lastSeq) {
    this.#cursor = 0;
    this.#floor = recovered ? 0 : lastSeq;
    if (recovered && this.#since) this.#cursor = this.#since;
    this.fire("reset", { task, whole: recovered === true });
  }

  /** What this stream has seen is not this journal's any more: ask for all of it from the start. */
  #startOver() {
    this.#cursor = 0;
    this.#floor = 0;
    this.#since = this.#since === null ? null : 0;
    this.#epoch = null;
    this.#subscribe();
  }

  #lagged(notice) {
    if (this.#awaiting) return;
    this.#skipped.push([notice.from_seq, notice.to_seq]);
    this.fire("lagged", notice);
  }

  #received(envelope) {
    if (this.#awaiting || envelope.seq <= this.#cursor) return;
    if (envelope.seq > reach(this.#cursorOrFloor() + 1, this.#skipped)) return this.#askAgain();
    this.#failures = 0;
    this.#cursor = envelope.seq;
    this.#skipped = this.#skipped.filter(([, last]) => last > envelope.seq);
    this.#lastSeq = Math.max(this.#lastSeq, envelope.seq);
    this.fire("event", envelope);
    this.#report();
    const status = endedBy(envelope);
    if (status) this.#finish(status);
  }

  #finish(status) {
    this.stop();
    this.fire("end", status);
  }

  #report() {
    this.fire("position", { cursor: this.#cursorOrFloor(), lastSeq: this.#lastSeq });
  }
}
