import { io } from "../vendor/socket.io-4.8.4/socket.io.esm.min.js";

const ANSWER_MS = 4_000;
const PACKED = new URL("../vendor/socket.io-4.8.4/socket.io.msgpack.min.js", import.meta.url);

/** How a server writes its Socket.IO messages, `json` or `msgpack`; null when it does not say. */
export async function serializerOf(server) {
  try {
    const answer = await fetch(`${server}/api/health`, { signal: AbortSignal.timeout(ANSWER_MS) });
    return (await answer.json()).serializer ?? null;
  } catch {
    return null;
  }
}

/** `{connect, options}` of the Socket.IO client that speaks so. msgpack goes over WebSocket only. */
export async function clientFor(serializer) {
  if (serializer !== "msgpack") return { connect: io, options: {} };
  const module = await import(PACKED);
  return { connect: globalThis.io ?? module.default, options: { transports: ["websocket"] } };
}
