// `bailiwick events [--watch]`: what happened in the cluster, and with --group what was decided about a group, and by whom.

import type { Client } from "../../client.ts";
import type { CliCommand, CliContext } from "../cli-command.ts";
import { closestWord } from "../closest-word.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import type { Flags } from "../flags.ts";
import {
  decisionTypes,
  type EventFilter,
  eventHead,
  eventRow,
  eventTypes,
  inOrder,
  isWanted,
  type LoggedEvent,
  msOf,
  ofCluster,
  ofGroup,
} from "../logged-events.ts";
import type { Output } from "../output.ts";
import { momentOf, readSince, type Since } from "../since.ts";
import { tabRows } from "../table.ts";
import { UsageError } from "../usage-error.ts";
import { tellNotice } from "../watch-lines.ts";

interface ClusterEventsOptions {
  readonly filter: EventFilter;
  readonly since: Since | null;
  readonly limit: number;
  readonly isLocal: boolean;
  readonly isWatching: boolean;
}

/** As many as a node keeps. */
const eventsAsked = 1_000;

export const clusterEvents: CliCommand<ClusterEventsOptions> = {
  name: "events",
  summary: "show what happened, who wanted it and why, the oldest first",
  arguments: [],
  flags: [
    ["-w, --watch", "go on with what happens, until Ctrl-C"],
    ["--group <group>", "only of this group, and what was decided about it or wanted of it"],
    ["--node <node>", "only of this node"],
    ["--type <types>", "only of these types, parted by commas"],
    ["--since <time>", "so long ago, such as 10m, 2h, 7d, or a date such as 2026-11-27T10:00Z"],
    ["--limit <n>", "the newest so many, 0 to 1000; with --watch 0 begins with what comes next (default: 100)"],
    ["--local", "with --group: what one owner has, without asking the quorum: may be stale"],
  ],
  help: `
Every node has the events of the cluster database: nodes that failed and returned, drains, groups and their owners, recoveries;
it keeps the last 1000. What was decided about a group is in that group's own log, with what operators wanted of it, and is shown
with --group: the last 20 decisions and 20 wishes. INDEX is the index in the cluster's log, or group:index in a group's. WHO is
policy, or the operator as BAILIWICK_OPERATOR or USER named them with the command; nobody checks the name. Times are UTC, by the
clock of whoever wrote the event.

Types of the cluster: ${listOf(eventTypes)}.
Types of a group: ${listOf(decisionTypes)}.

With -o json: {"header", "events", "isMore"}; each event as in the API, a ClusterEvent or a Decision, with "log" for the log that
has it (cluster, or the group). With --watch each is one line of JSON. The watch resumes by itself when a node fails. Exit code 3:
there is no such group, or history that the watch needs is gone; 130: Ctrl-C.

Examples:
  $ bailiwick events
  $ bailiwick events --watch --limit 0
  $ bailiwick events --group rg220 --since 2h
  $ bailiwick events --type node_failed,node_reintegrated --node n208
  $ bailiwick events --group rg220 --type frozen,stop_wanted -o json
`,
  isWrite: false,
  parse: (_, flags) => {
    const since = flags.text("since");
    const isLocal = flags.isSet("local");
    const filter = readFilter(flags);
    if (isLocal && filter.group === undefined) throw new UsageError("--local is of a group: name it with --group");
    return {
      filter,
      since: since === undefined ? null : readSince(since),
      limit: flags.integer("limit", { min: 0, max: eventsAsked }) ?? 100,
      isLocal,
      isWatching: flags.isSet("watch"),
    };
  },
  async run(context, options) {
    const { output } = context;
    const past = await readPast(context, options);
    const { header, events, isMore } = past;
    if (options.isWatching) {
      for (const event of events) printNext(output, event);
      return follow(context, options, past);
    }
    output.print({ header, events: events.map(({ json }) => json), isMore }, () =>
      output.rows(eventHead, events.map(eventRow)),
    );
    if (isMore) output.note("there are older ones: see --limit");
    return exitCodes.ok;
  },
};

function readFilter(flags: Flags): EventFilter {
  const group = flags.text("group");
  const known = [...eventTypes, ...decisionTypes];
  const types = flags.names("type").map((name) => name.toLowerCase().replaceAll("-", "_"));
  for (const type of types) {
    if (!known.includes(type)) throw unknownType(type, known);
    if (group === undefined && !eventTypes.includes(type)) {
      throw new UsageError(`${type} is in the log of a group: name it with --group`);
    }
  }
  return { types, group, node: flags.text("node") };
}

function unknownType(type: string, known: readonly string[]): UsageError {
  return new UsageError(`--type ${JSON.stringify(type)} is no type of events: ${hintFor(type, known)}`);
}

/** One that is near, else all that begin with the same word. */
function hintFor(type: string, known: readonly string[]): string {
  const closest = closestWord(type, known);
  if (closest !== null) return `did you mean ${closest}?`;
  const [subject = ""] = type.split("_");
  const related = known.filter((word) => word.startsWith(`${subject}_`));
  return related.length === 0 ? "see bailiwick events --help" : `of ${subject} there are ${related.join(", ")}`;
}

/** What happened before, and where a watch goes on behind it. */
interface Past {
  readonly header: object;
  /** That are wanted, the oldest first. */
  readonly events: readonly LoggedEvent[];
  readonly isMore: boolean;
  /** The newest index that was read of the cluster's log. */
  readonly clusterIndex: number;
  /** Of the group; null: none is asked for. */
  readonly group: Mark | null;
}

/** How far the decisions of a group have been told. */
interface Mark {
  readonly incarnation: number;
  readonly index: number;
}

async function readPast(context: CliContext, options: ClusterEventsOptions): Promise<Past> {
  const { client, deps, interrupted: signal } = context;
  const { filter, since, limit } = options;
  const [answer, group] = await Promise.all([
    client.clusterEvents({ limit: eventsAsked, signal }),
    filter.group === undefined ? null : readGroup(client, filter.group, options.isLocal, signal),
  ]);
  const decisions = group === null ? [] : ofGroup(group);
  const fromMs = since === null ? Number.NEGATIVE_INFINITY : momentOf(since, deps.nowMs());
  const found = inOrder([...answer.events.map(ofCluster), ...decisions]).filter((event) => {
    return isWanted(event, filter) && msOf(event) >= fromMs;
  });
  return {
    header: answer.header,
    events: limit === 0 ? [] : found.slice(-limit),
    isMore: found.length > limit,
    clusterIndex: answer.events[0]?.index ?? 0,
    group: group === null ? null : { incarnation: group.incarnation, index: decisions.at(-1)?.index ?? 0 },
  };
}

async function readGroup(client: Client, name: string, isLocal: boolean, signal: AbortSignal) {
  const consistency = isLocal ? "local" : "linearizable";
  return (await client.group(name, { consistency, signal })).group;
}

/** Whichever of the two ends in an error ends the other. */
async function follow(context: CliContext, { filter }: ClusterEventsOptions, past: Past): Promise<ExitCode> {
  const ended = new AbortController();
  const signal = AbortSignal.any([context.interrupted, ended.signal]);
  const watches = [
    followCluster(context, { filter, from: past.clusterIndex + 1, signal }),
    ...(filter.group === undefined || past.group === null
      ? []
      : [followGroup(context, { filter, group: filter.group, from: past.group, signal })]),
  ];
  try {
    await Promise.all(watches);
  } finally {
    ended.abort();
    await Promise.allSettled(watches);
  }
  return exitCodes.interrupted;
}

interface Following<From> {
  readonly filter: EventFilter;
  readonly from: From;
  readonly signal: AbortSignal;
}

async function followCluster({ client, output }: CliContext, { filter, from, signal }: Following<number>) {
  for await (const notice of client.watchClusterEvents({ fromIndex: from, signal })) {
    if (notice.type !== "events" && notice.type !== "initial") tellNotice(output, notice);
    else
      printWanted(
        output,
        notice.events.map(({ event }) => ofCluster(event)),
        filter,
      );
  }
}

/** Each state of the group has its last decisions: those that are new are told. */
async function followGroup(
  { client, output }: CliContext,
  { filter, group, from, signal }: Following<Mark> & { readonly group: string },
): Promise<void> {
  let mark = from;
  for await (const notice of client.watchGroup(group, { initial: true, signal })) {
    if (notice.type !== "events" && notice.type !== "initial") {
      tellNotice(output, notice);
      continue;
    }
    for (const { group: now } of notice.events) {
      const above = now.incarnation === mark.incarnation ? mark.index : 0;
      const decisions = ofGroup(now);
      const news = decisions.filter(({ index }) => index > above);
      if (above > 0 && news.length > 0 && news.length === decisions.length) {
        output.note(`${group}: more was decided at once than it remembers; what was behind ${above} is not shown`);
      }
      printWanted(output, news, filter);
      mark = { incarnation: now.incarnation, index: Math.max(above, decisions.at(-1)?.index ?? 0) };
    }
  }
}

function printWanted(output: Output, events: readonly LoggedEvent[], filter: EventFilter): void {
  for (const event of events) if (isWanted(event, filter)) printNext(output, event);
}

function printNext(output: Output, event: LoggedEvent): void {
  output.printNext(event.json, () => tabRows([eventRow(event)]));
}

function listOf(words: readonly string[]): string {
  return words.join(", ").replace(/(.{60,110}) /g, "$1\n");
}
