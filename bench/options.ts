// The command line of the benchmark.

import { tmpdir } from "node:os";
import { parseArgs } from "node:util";

export interface WriteOptions {
  readonly benchmark: "write";
  readonly quick: boolean;
  /** Measure the ceiling with gossip in place of streams, too. */
  readonly gossip: boolean;
  /** Measure one side alone; null: all, and their ratios. */
  readonly only: Side | null;
  /** File for the figures as JSON; null: none. */
  readonly json: string | null;
  /** Existing directory in which the temporary one is made; its disk is the one that is measured. */
  readonly directory: string;
  /** Directory for CPU profiles; null: measure. */
  readonly profile: string | null;
  /** Profile unary calls instead of the stream. */
  readonly unary: boolean;
}

export type Side = (typeof sides)[number];
const sides = ["product", "ceiling", "etcd"] as const;

export type WatchBenchOptions = Pick<WriteOptions, "quick" | "json" | "directory"> & { readonly benchmark: "watch" };

export const help = `Usage: npm run bench -- write|watch [options]

Measures puts to one group of three nodes at 1, 64 and 256 in flight: writes/s, p50, p99 and server CPU per
write, on the client library's stream of calls and by unary calls, next to the ceiling of the stack (the same
calls, streams and synced disk writes without any consensus logic) and, where Debian's etcd-server is installed,
to etcd. All take turns, so that they see the same machine; believe the ratios before the figures. Says of each
bound whether it holds.

Watches: 10,000 on one node, how long an event takes to reach all of them and the memory they take; and the p99 of
1,000, alone and beside one whose client reads nothing, in pairs. It takes --quick, --json and --dir.

Options:
  --quick         3 rounds of 3 s (under 4 minutes) instead of 5 of 10 s (about 15 minutes); of watches 3 pairs, not 7
  --gossip        also the ceiling with the leader's batches published on gossipsub
  --only SIDE     product, ceiling or etcd alone
  --json FILE     write all samples, ratios and the machine to FILE
  --dir DIR       keep the data below DIR instead of ${tmpdir()}; up to 2 GB, removed at the end
  --profile DIR   instead of measuring, load the product, or SIDE, with 64 in flight, leave CPU profiles of its
                  processes in DIR, and print where the leading one spends its time
  --unary         profile unary calls instead of the stream
  --help

Examples:
  npm run bench -- write --quick
  npm run bench -- write --gossip --json figures.json
  npm run bench -- write --dir /var/lib/scratch
  npm run bench -- write --profile profiles
  npm run bench -- write --profile profiles --only ceiling
  npm run bench -- watch --quick
`;

export class UsageError extends Error {}

/**
 * @returns null: help is wanted
 * @throws {UsageError}
 */
export function parseOptions(args: readonly string[]): WriteOptions | WatchBenchOptions | null {
  const { values, positionals } = parse(args);
  if (values.help === true) return null;
  const [name, ...more] = positionals;
  if ((name !== "write" && name !== "watch") || more.length > 0) {
    throw new UsageError(`No benchmark "${positionals.join(" ")}", there are: write, watch`);
  }
  const common = { quick: values.quick === true, json: values.json ?? null, directory: values.dir ?? tmpdir() };
  if (name === "watch") {
    const other = (["gossip", "only", "profile", "unary"] as const).find((flag) => values[flag] !== undefined);
    if (other !== undefined) throw new UsageError(`--${other} is not for watch`);
    return { benchmark: name, ...common };
  }
  const only = readSide(values.only);
  const { profile = null } = values;
  if (profile !== null && only === "etcd") throw new UsageError("--profile is of processes of Node.js, not of etcd");
  const unary = values.unary === true;
  if (unary && profile === null) throw new UsageError("--unary goes with --profile");
  return { benchmark: name, ...common, gossip: values.gossip === true, only, profile, unary };
}

function readSide(text: string | undefined): Side | null {
  if (text === undefined) return null;
  const side = sides.find((one) => one === text);
  if (side === undefined) throw new UsageError(`--only is "${text}", must be one of: ${sides.join(", ")}`);
  return side;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: "boolean" },
        gossip: { type: "boolean" },
        only: { type: "string" },
        json: { type: "string" },
        dir: { type: "string" },
        profile: { type: "string" },
        unary: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (reason) {
    throw new UsageError(reason instanceof Error ? reason.message : String(reason));
  }
}
