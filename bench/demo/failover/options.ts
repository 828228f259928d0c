// The command line of the demo.

import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

export interface DemoOptions {
  /** Do not try network namespaces. */
  readonly loopback: boolean;
  /** Only end and remove what a demo has left that was killed. */
  readonly clean: boolean;
  /** Keep the directory with logs and configurations. */
  readonly keep: boolean;
  /** Of the pictures, without `.svg` and `.png`. */
  readonly out: string;
}

export const help = `Usage: npm run demo:failover -- [options]

Runs three nodes with an agent each and a service of theirs, requests it every 25 ms, and lets the owner fail in four ways:
power failure, cut off from the network, an agent that stands still, and a planned move. Prints how long nobody answered
each time, next to what the terms of the lease allow, and draws it. Takes about two minutes.

As root on Linux, with Debian's iproute2, iputils-arping, resource-agents and nginx, each node is a network namespace, and
the service an address (IPaddr2) with nginx; names begin with bw-demo-, and nothing else is touched. Elsewhere everything
runs on the loopback, and the service is a port.

Options:
  --loopback    on the loopback in any case
  --out BASE    write BASE.svg and BASE.png instead of ${join(tmpdir(), "bailiwick-failover")}.*
  --keep        keep the directory with logs and configurations
  --clean       only end and remove what a demo has left that was killed
  --help

Exit codes: 0 every gap is as allowed, 1 one is not or something failed, 2 usage, 130 interrupted.
`;

export class UsageError extends Error {}

/**
 * @returns null: help is wanted
 * @throws {UsageError}
 */
export function parseOptions(args: readonly string[]): DemoOptions | null {
  const flag = { type: "boolean", default: false } as const;
  const options = { loopback: flag, clean: flag, keep: flag, help: flag, out: { type: "string" } } as const;
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true });
    const { loopback, clean, keep, out = join(tmpdir(), "bailiwick-failover") } = values;
    return values.help ? null : { loopback, clean, keep, out };
  } catch (reason) {
    throw new UsageError(reason instanceof Error ? reason.message : String(reason));
  }
}
