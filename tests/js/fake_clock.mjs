/** Timers and a date that only a test moves, until that test ends. */
export function fakeClock(t) {
  const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
  const dateNow = Date.now;
  const timers = new Map();
  const start = dateNow();
  let now = 0;
  Date.now = () => start + now;
  let ids = 0;
  globalThis.setTimeout = (task, ms) => {
    ids += 1;
    timers.set(ids, { at: now + ms, task });
    return ids;
  };
  globalThis.clearTimeout = (id) => timers.delete(id);
  t.after(() => {
    Object.assign(globalThis, real);
    Date.now = dateNow;
  });
  return {
    tick(ms) {
      now += ms;
      for (const [id, timer] of [...timers].sort(([, a], [, b]) => a.at - b.at)) {
        if (timer.at <= now && timers.delete(id)) timer.task();
      }
    },
  };
}
