// SIGINT and SIGTERM, in the order in which they come: the first asks, the second forces (H4).

/** @param stop is called with each signal and its number, counted from 1 @returns takes the handlers away */
export function onStopSignals(stop: (signal: NodeJS.Signals, count: number) => void): () => void {
  let count = 0;
  const handle = (signal: NodeJS.Signals) => {
    count += 1;
    stop(signal, count);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, handle);
  return () => {
    for (const signal of signals) process.off(signal, handle);
  };
}
