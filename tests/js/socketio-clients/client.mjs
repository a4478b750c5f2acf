// The official client in the hands of a test: commands come in as lines of JSON, what it hears goes out as such.
// node client.mjs VERSION URL TRANSPORTS AUTH NAMESPACES [PARSER]
import { createInterface } from "node:readline";

const [version, url, transports, auth, namespaces, parserName] = process.argv.slice(2);
const { Manager } = await import(`client-${version}`);
const say = (...line) => process.stdout.write(`${JSON.stringify(line, packed)}\n`);

const parser = parserName ? { parser: (await import(parserName)).default } : {};
const options = { transports: transports.split(","), reconnection: false, forceNew: true, ...parser };
const manager = new Manager(url, options);
const sockets = {};
for (const namespace of namespaces.split(",")) sockets[namespace] = open(namespace);

function open(namespace) {
  const socket = manager.socket(namespace, { auth: JSON.parse(auth) ?? {} });
  socket.on("connect", () => say("answer", null));
  socket.on("connect_error", (error) => say("answer", error.message));
  socket.on("disconnect", () => say("gone", namespace));
  socket.onAny((name, ...args) => {
    const answer = typeof args.at(-1) === "function" ? args.pop() : null;
    say("heard", namespace, name, args, manager.engine.transport.name);
    answer?.("answer", ...args);
  });
  return socket.connect();
}

const commands = {
  emit({ namespace, event, args, ack }) {
    const noted = ack === null ? [] : [(...values) => say("ack", ack, values)];
    sockets[namespace].emit(event, ...args, ...noted);
  },
  leave: ({ namespace }) => sockets[namespace].disconnect(),
  transport: () => say("answer", manager.engine.transport.name),
};

// JSON has no bytes: {"$bytes": base64} stands for them. A Buffer turns itself into something else first.
function packed(key, value) {
  const original = this[key];
  const bytes = original instanceof ArrayBuffer ? new Uint8Array(original) : original;
  return bytes instanceof Uint8Array ? { $bytes: Buffer.from(bytes).toString("base64") } : value;
}
const unpacked = (_key, value) => (value?.$bytes === undefined ? value : Buffer.from(value.$bytes, "base64"));

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const command = JSON.parse(line, unpacked);
  commands[command.do](command);
});
lines.on("close", () => {
  for (const socket of Object.values(sockets)) socket.disconnect();
  setTimeout(() => process.exit(1), 5000).unref(); // it ends by itself once its goodbye is sent
});
