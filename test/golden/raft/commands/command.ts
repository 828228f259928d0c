// What a script command is: acts on the cluster; the trace says the rest.

import type { Cluster } from "../cluster.ts";

export type Command = (cluster: Cluster, args: readonly string[]) => void;

/** The argument at `position`; a script without it is wrong. */
export function argument(args: readonly string[], position: number): string {
  const value = args[position];
  if (value === undefined) throw new Error(`Argument ${position + 1} is missing`);
  return value;
}

/** `300ms` as a number. */
export function durationMs(text: string): number {
  if (!/^\d+ms$/.test(text)) throw new Error(`No duration: ${text}`);
  return Number.parseInt(text, 10);
}
