/** How far one may go from `next` when the numbers in `ranges`, pairs of first and last, may be missing. */
export function reach(next, ranges) {
  const inOrder = [...ranges].sort(([a], [b]) => a - b);
  return inOrder.reduce((end, [first, last]) => (first <= end && end <= last ? last + 1 : end), next);
}
