const SECONDS = [1, 2, 4, 8, 16, 30];
const SPREAD = 0.2;

/** Seconds to wait before try `n` (1 is the first), spread by 20 % so that clients do not return in step. */
export function backoffSeconds(n, random = Math.random) {
  const base = SECONDS[Math.min(n, SECONDS.length) - 1];
  return base * (1 - SPREAD + 2 * SPREAD * random());
}
