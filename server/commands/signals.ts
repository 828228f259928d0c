// SIGINT, SIGTERM and SIGHUP, in the order in which they come: the first asks, the second forces (H4).

/** A launcher passes on what its whole process group gets, so that one wish arrives twice; a person takes longer. */
const sameWishMs = 200;

/**
 * @param stop is called with each signal and its number, counted from 1; not with those that follow the first within 200 ms
 * @returns takes the handlers away
 */
export function onStopSignals(stop: (signal: NodeJS.Signals, count: number) => void): () => void {
  let count = 0;
  let firstMs = 0;
  const handle = (signal: NodeJS.Signals) => {
    const nowMs = performance.now();
    if (count === 0) firstMs = nowMs;
    else if (nowMs - firstMs < sameWishMs) return;
    count += 1;
    stop(signal, count);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, handle);
  return () => {
    for (const signal of signals) process.off(signal, handle);
  };
}
