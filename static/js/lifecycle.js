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

/**
 * The commands a person may give now; once cancelling was asked for there is nothing left to ask, and a task that runs
 * elsewhere (`external`) can only be cancelled from here.
 */
export function legalCommands(status, pendingCommand, external = false) {
  if (pendingCommand === "cancel") return [];
  const commands = COMMANDS[status] ?? [];
  return pendingCommand || external ? commands.filter((command) => command === "cancel") : commands;
}
