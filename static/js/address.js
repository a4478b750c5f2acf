/** What the address bar keeps: the open task, and the server when it is not the one that served the page. */
export function addressState(location = window.location) {
  const query = new URLSearchParams(location.search);
  return { taskId: query.get("task"), server: query.get("server") ?? location.origin };
}

export function addressFor({ taskId, server }, location = window.location) {
  const query = new URLSearchParams();
  if (taskId) query.set("task", taskId);
  if (server !== location.origin) query.set("server", server);
  const text = query.toString();
  return text ? `?${text}` : location.pathname;
}
