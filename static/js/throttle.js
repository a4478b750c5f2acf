/** `task` at most once in `pace()` ms, at once when it has been quiet; the last call is never lost. */
export function throttled(pace, task) {
  let timer = null;
  let last = 0;
  return () => {
    if (timer !== null) return;
    const wait = Math.max(0, last + pace() - Date.now());
    timer = setTimeout(() => {
      timer = null;
      last = Date.now();
      task();
    }, wait);
  };
}
