// A plain WebSocket client in Node: what it hears goes out as lines of JSON, what comes in as lines is sent.
// node plain_client.mjs URL
import { createInterface } from "node:readline";
import WebSocket from "ws";

const say = (...line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const socket = new WebSocket(process.argv[2]);
socket.onopen = () => say("open");
socket.onmessage = ({ data }) => say("message", JSON.parse(data));
socket.onclose = ({ code, reason }) => {
  say("close", code, String(reason));
  process.exit();
};
socket.onerror = () => {};
createInterface({ input: process.stdin }).on("line", (line) => socket.send(line));
