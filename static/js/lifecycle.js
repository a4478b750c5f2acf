const TERMINAL = new Set(["completed", "failed", "cancelled"]);

const COMMANDS = {
  pending: ["cancel"],
  running: ["pause", "cancel"],
  paused: ["resume", "cancel"],
};

export function isTerminal(status) {
  return TERMINAL.has(status);
}

/** The status that this event ends its task with, or null when the task goes on. */
export function endedBy({ event_type: type, data }) {
  if (type === "error") return "failed";
  return type === "status_change" && isTerminal(data.status) ? data.status : null;
}

/** The commands a person may give now; once cancelling was asked for there is nothing left to ask. */
export function legalCommands(status, pendingCommand) {
  if (pendingCommand === "cancel") return [];
  if (pendingCommand) return (COMMANDS[status] ?? []).filter((command) => command === "cancel");
  return COMMANDS[status] ?? [];
}
