// `bailiwick watch`: every change of keys, of a group's status, of nodes or of the cluster, a line each, until Ctrl-C.

import type { NoticeOf } from "../../follow.ts";
import type { CliCommand, CliContext } from "../cli-command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import type { Flags } from "../flags.ts";
import { UsageError } from "../usage-error.ts";
import { printClusterEvent, printGroupState, printKeyEvent, printNodeState, tellNotice } from "../watch-lines.ts";

type WatchTarget =
  | { readonly type: "keys"; readonly group: string; readonly prefix: string }
  | { readonly type: "status"; readonly group: string }
  | { readonly type: "nodes"; readonly nodes: readonly string[] }
  | { readonly type: "cluster" };

interface KeyWatchOptions {
  readonly target: WatchTarget;
  readonly from: number | undefined;
  readonly initial: boolean;
  readonly previous: boolean;
  readonly count: number;
}

export const keyWatch: CliCommand<KeyWatchOptions> = {
  name: "watch",
  summary: "print changes as they happen",
  arguments: [["[names...]", "GROUP and, of keys, what they start with; with --node the names of nodes"]],
  flags: [
    ["--status", "what GROUP says of itself, instead of its keys"],
    ["--node", "recovery statuses of the nodes named; of none: the sphere of the node that answers"],
    ["--cluster", "events of the cluster database"],
    ["--initial", "print what exists first"],
    ["--from <number>", "begin with this revision, or index, instead of what comes next; not with --node"],
    ["--previous", "print what each change of a key replaced as well"],
    ["--count <n>", "end after so many events"],
  ],
  help: `
One event a line, tab-separated. Of keys: revision, put, delete or expire, key, value, and with --previous the previous value.
Keys and values that are not readable text on one line are quoted as in JSON, or written base64:... when they are no UTF-8.
With -o json each line is {"group", "revision", "type", "keyValue", "previous"}, previous null if there was none or it was
not asked for.

With --status: index in the group's log, group, current owner, its state, epoch, manager, and the verdict on each node; with
-o json {"index", "group"}. With --node: node, status, why, where the status departed means that it left the sphere; with -o
json {"node"} or {"departed"}. With --cluster: index in the cluster's log, time, type, group or node, why; with -o json
{"index", "event"}. Statuses say how things are: of several changes while nobody reads only the last is printed.

The watch resumes by itself when a node fails, on the next of --endpoints, without a gap and without repeating anything.
When history that it needs is gone it ends with exit code 3 and the revision to go on from. Ctrl-C: exit code 130.

Examples:
  $ bailiwick watch rg220
  $ bailiwick watch rg220 app/ --from 17 --previous
  $ bailiwick watch rg220 app/ --initial
  $ bailiwick watch rg220 app/ready --count 1
  $ bailiwick watch --status rg220 --initial
  $ bailiwick watch --node n202 n208
  $ bailiwick watch --cluster --from 40
`,
  isWrite: false,
  parse: (names, flags) => {
    const target = readTarget(names, flags);
    const from = flags.integer("from", { min: 1 });
    const initial = flags.isSet("initial");
    if (initial && from !== undefined) throw new UsageError("--initial begins with what exists: not with --from");
    if (target.type === "nodes" && from !== undefined)
      throw new UsageError("--from is no number of --node: not with it");
    const count = flags.integer("count", { min: 1 }) ?? Number.POSITIVE_INFINITY;
    return { target, from, initial, previous: flags.isSet("previous"), count };
  },
  run: (context, options) => {
    const { client, output, interrupted: signal } = context;
    const { target, from, initial, previous, count } = options;
    const common = { initial, signal };
    switch (target.type) {
      case "keys": {
        const { group, prefix } = target;
        const watch = client.watch(group, { ...common, keys: { prefix }, fromRevision: from, previous });
        return print(context, watch, count, (event) => printKeyEvent(output, event, { group, previous }));
      }
      case "status": {
        const watch = client.watchGroup(target.group, { ...common, fromIndex: from });
        return print(context, watch, count, (state) => printGroupState(output, state));
      }
      case "nodes":
        return print(context, client.watchNodes({ ...common, nodes: target.nodes }), count, (state) => {
          printNodeState(output, state);
        });
      case "cluster":
        return print(context, client.watchClusterEvents({ ...common, fromIndex: from }), count, (event) => {
          printClusterEvent(output, event);
        });
    }
  },
};

function readTarget(names: readonly string[], flags: Flags): WatchTarget {
  const chosen = ["status", "node", "cluster"].filter((name) => flags.isSet(name));
  if (chosen.length > 1) throw new UsageError(`--${chosen[0]} and --${chosen[1]} exclude each other`);
  const [first, second] = names;
  const tooMany = (most: number) => {
    if (names.length > most) throw new UsageError(`There are ${names.length} names, at most ${most} fit here`);
  };
  if (flags.isSet("node")) return { type: "nodes", nodes: names };
  if (flags.isSet("cluster")) {
    tooMany(0);
    return { type: "cluster" };
  }
  if (first === undefined) throw new UsageError("The group is missing");
  if (flags.isSet("status")) {
    tooMany(1);
    return { type: "status", group: first };
  }
  tooMany(2);
  return { type: "keys", group: first, prefix: second ?? "" };
}

async function print<Event>(
  { output }: CliContext,
  watch: AsyncGenerator<NoticeOf<Event>, void>,
  count: number,
  printEvent: (event: Event) => void,
): Promise<ExitCode> {
  let left = count;
  for await (const notice of watch) {
    if (notice.type !== "events" && notice.type !== "initial") {
      tellNotice(output, notice);
      continue;
    }
    for (const event of notice.events.slice(0, left)) printEvent(event);
    left -= notice.events.length;
    if (left <= 0) return exitCodes.ok;
  }
  return exitCodes.interrupted;
}
