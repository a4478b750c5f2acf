import { addressFor, addressState } from "../address.js";
import { Api, Problem, serverAddress } from "../api.js";
import "../components/recent_tasks.js";
import "../components/server_bar.js";
import "../components/task_form.js";
import "../components/task_view.js";
import { Connection } from "../connection.js";
import { setText } from "../dom.js";
import { ago } from "../format.js";
import { hasOutlook } from "../task_state.js";
import { TaskWatch } from "../task_watch.js";
import { throttled } from "../throttle.js";

const TITLE = document.title;
const REDRAW_MS = 100;
const CATCHING_UP_MS = 400;
const CLOCK_MS = 1000;
const LIST_MS = 10_000;
const OUTLOOK_MS = 5_000;

const bar = document.querySelector("server-bar");
const form = document.querySelector("task-form");
const view = document.querySelector("task-view");
const recent = document.querySelector("recent-tasks");
const announcer = document.querySelector("#announcer");

let api = null;
let connection = null;
let watch = null;
let clockOffset = 0;
let freshAt = 0;
let announced = null;
let focusNext = false;
let lookedSeq = null;
let looking = false;

function connect(server, taskId) {
  disconnect();
  api = new Api(server);
  connection = new Connection(server);
  connection.on("change", showConnection);
  connection.on("connected", ({ server_time: time }) => {
    clockOffset = Date.parse(time) - Date.now() || 0;
    recent.clockOffset = clockOffset;
  });
  connection.on("live", () => {
    recent.refresh();
    form.recover();
  });
  connection.open();
  bar.address = server;
  form.load(api);
  recent.load(api);
  rememberAddress("replaceState", taskId);
  openTask(taskId);
}

function disconnect() {
  watch?.stop();
  connection?.close();
}

function showConnection(state) {
  bar.state = state;
  if (watch && !watch.state && !watch.refused) view.loading(connection.live);
  render();
  if (["live", "reconnecting"].includes(state.phase)) announce(`Connection: ${state.phase}`);
}

function openTask(taskId) {
  watch?.stop();
  watch = null;
  announced = null;
  lookedSeq = null;
  recent.openId = taskId;
  document.title = TITLE;
  if (!taskId) return view.none();
  view.loading(connection.live);
  watch = new TaskWatch(connection, taskId);
  watch.on("begin", begin);
  watch.on("change", changed);
  watch.on("end", () => recent.refresh());
  watch.on("refused", ({ message }) => view.failed(message ?? "The server does not know it.", () => openTask(taskId)));
  watch.start();
}

function begin() {
  view.begin();
  paint();
  if (focusNext) view.focusTitle();
  focusNext = false;
}

function changed() {
  freshAt = Date.now();
  render();
}

function paint() {
  bar.freshness = freshness();
  if (!watch?.state) return;
  const { state } = watch;
  view.show(state, api, Date.now() + clockOffset);
  if (!watch.caughtUp) return;
  if (lookedSeq !== state.statusSeq) look();
  recent.showStatus(state);
  document.title = `${state.status} · ${state.name || state.type} · Runcast`;
  const status = `Task ${state.status}`;
  if (status !== announced) announce(status);
  announced = status;
}

/** Ask what can be expected of the task: that changes with the others, without an event of its own. */
async function look() {
  const asked = watch;
  if (looking || !asked?.state || !asked.caughtUp || !hasOutlook(asked.state) || !connection.live) return;
  looking = true;
  lookedSeq = asked.state.statusSeq;
  try {
    const resource = await api.task(asked.taskId);
    if (asked === watch) asked.expect(resource);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem; // no answer: the next look is soon, and the badge tells why
  } finally {
    looking = false;
  }
}

const render = throttled(() => (watch?.state && !watch.caughtUp ? CATCHING_UP_MS : REDRAW_MS), paint);

function freshness() {
  if (!watch?.state) return "";
  const { cursor, lastSeq } = watch.position;
  if (!watch.caughtUp) return `catching up: #${cursor} of #${lastSeq}`;
  const words = connection.live ? "caught up to" : "last known:";
  return `${words} #${cursor}, ${ago((Date.now() - freshAt) / 1000)}`;
}

function announce(sentence) {
  setText(announcer, sentence);
}

function rememberAddress(how, taskId) {
  history[how](null, "", addressFor({ taskId, server: api.server }));
}

function visit(taskId) {
  rememberAddress("pushState", taskId);
  focusNext = true;
  openTask(taskId);
}

async function command(name) {
  const asked = watch;
  view.asking(asked.state);
  try {
    const resource = await api.command(asked.taskId, name);
    if (asked !== watch) return;
    view.answered(null);
    asked.update(resource);
  } catch (problem) {
    if (asked === watch) view.answered(problem.message);
  }
  paint();
}

bar.addEventListener("connect", ({ detail: server }) => connect(server, server === api?.server ? watch?.taskId : null));
bar.addEventListener("disconnect", disconnect);
bar.addEventListener("retry", () => connection.retryNow());
form.addEventListener("created", ({ detail }) => {
  visit(detail.task_id);
  recent.refresh();
});
recent.addEventListener("open", ({ detail }) => visit(detail));
view.addEventListener("command", ({ detail }) => command(detail));
view.addEventListener("reuse", () => form.fill(watch.state));
window.addEventListener("popstate", () => openTask(addressState().taskId));
for (const name of ["online", "offline", "pageshow"]) window.addEventListener(name, () => connection?.check());
document.addEventListener("resume", () => connection?.check());
document.addEventListener("visibilitychange", () => !document.hidden && connection?.check());
setInterval(() => !document.hidden && paint(), CLOCK_MS);
setInterval(() => !document.hidden && connection?.live && recent.refresh(), LIST_MS);
setInterval(() => !document.hidden && look(), OUTLOOK_MS);

try {
  connect(serverAddress(addressState().server), addressState().taskId);
} catch {
  bar.address = addressState().server;
  bar.problem = "The address after ?server= is not one of a server: it looks like http://127.0.0.1:5000";
}
