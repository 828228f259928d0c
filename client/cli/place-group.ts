// What the commands share that want something of a group's application: asking for it, telling how the group stands, and with
// --wait following it until it is so.

import type { GroupPlaced } from "../placement-calls.ts";
import type { GroupNotice } from "../status-watch.ts";
import type { CliContext, Described } from "./cli-command.ts";
import { errorText, type PlainGroup, placementText } from "./cluster-text.ts";
import { type ExitCode, exitCodes } from "./exit-codes.ts";
import type { Flags } from "./flags.ts";

/** Where the application is to be. */
export interface Goal {
  readonly state: "online" | "offline";
  /** There and nowhere else; absent: wherever. */
  readonly on?: string | undefined;
  /** Anywhere but there; absent: wherever. */
  readonly off?: string | undefined;
}

export interface PlaceOptions {
  readonly group: string;
  readonly isWaiting: boolean;
  readonly validateOnly: boolean;
  /** For the record of the group. */
  readonly why: string | undefined;
  /** For the whole command. */
  readonly timeoutMs: number;
}

export const whyFlag: Described = ["--why <text>", "why, for `bailiwick events`; at most 200 characters"];

export const placeFlags: readonly Described[] = [
  ["--wait", "until it is so, within --timeout"],
  ["--dry-run", "check whether it would be refused and do nothing"],
  whyFlag,
];

export function readPlaceOptions(group: string, flags: Flags): PlaceOptions {
  return {
    group,
    isWaiting: flags.isSet("wait"),
    validateOnly: flags.isSet("dryRun"),
    why: flags.text("why"),
    timeoutMs: flags.durationMs("timeout") ?? 5_000,
  };
}

export interface Placing {
  readonly goal: Goal;
  /** What is wanted, for people, such as `move rg220 to n208`. */
  readonly wish: string;
  readonly ask: (given: { readonly wait: boolean; readonly validateOnly: boolean }) => Promise<GroupPlaced>;
}

/** Asks for it and prints what has come of it. @returns 0 also while it is under way, unless it is waited for */
export async function placeGroup(context: CliContext, options: PlaceOptions, placing: Placing): Promise<ExitCode> {
  const { output, interrupted } = context;
  const { group: name, isWaiting, validateOnly } = options;
  const { goal, wish, ask } = placing;
  if (validateOnly) {
    output.print(await ask({ wait: false, validateOnly }), () => `Would ${wish}\n`);
    return exitCodes.ok;
  }
  if (!isWaiting) {
    const asked = await ask({ wait: false, validateOnly: false });
    output.print(asked, () => `Asked to ${wish}; now ${placementText(asked.group, output.colours)}\n`);
    return exitCodes.ok;
  }
  const answer = await askAndWait(context, options, placing);
  if (interrupted.aborted) {
    output.note(`${name}: not waited for any more; it goes on by itself`);
    return exitCodes.interrupted;
  }
  printPlaced(context, answer);
  if (isThere(answer.group, goal)) return exitCodes.ok;
  output.note(`${output.colours.red("error:")} ${missedText(answer.group, goal)}`);
  return exitCodes.failed;
}

/** How the group stands, in one line. */
export function printPlaced({ output }: CliContext, answer: GroupPlaced): void {
  output.print(answer, () => `${answer.group.name} is ${placementText(answer.group, output.colours)}\n`);
}

/** The node waits as long as it may; what takes longer is followed from there. */
async function askAndWait(context: CliContext, options: PlaceOptions, { goal, ask }: Placing): Promise<GroupPlaced> {
  const { deps } = context;
  const startMs = deps.nowMs();
  const tell = createTeller(context);
  const answer = await withProgress(context, { group: options.group, tell }, () =>
    ask({ wait: true, validateOnly: false }),
  );
  if (isSettled(answer.group, goal)) return answer;
  const leftMs = options.timeoutMs - (deps.nowMs() - startMs);
  return { ...answer, group: await untilSettled(context, { from: answer.group, goal, leftMs, tell }) };
}

type Teller = (group: PlainGroup) => void;

/** Says how the group stands whenever that is not what was said last. */
function createTeller({ output }: CliContext): Teller {
  let last = "";
  return (group) => {
    const text = `${group.name}: ${placementText(group, output.colours)}`;
    if (text !== last) output.note(text);
    last = text;
  };
}

/** That the states cannot be watched is no reason to fail. */
async function withProgress<Answer>(
  { client, interrupted }: CliContext,
  { group, tell }: { readonly group: string; readonly tell: Teller },
  work: () => Promise<Answer>,
): Promise<Answer> {
  const answered = new AbortController();
  const signal = AbortSignal.any([interrupted, answered.signal]);
  const watching = tellAll(client.watchGroup(group, { initial: true, signal }), tell).catch(() => {});
  try {
    return await work();
  } finally {
    answered.abort();
    await watching;
  }
}

async function tellAll(watch: AsyncGenerator<GroupNotice, void>, tell: Teller): Promise<void> {
  for await (const group of statesOf(watch)) tell(group);
}

interface Following {
  readonly from: PlainGroup;
  readonly goal: Goal;
  readonly leftMs: number;
  readonly tell: Teller;
}

/** @returns how the group stands then, or when the time is up */
async function untilSettled({ client, deps, interrupted }: CliContext, { from, goal, leftMs, tell }: Following) {
  if (leftMs <= 0 || interrupted.aborted) return from;
  const ended = new AbortController();
  const signal = AbortSignal.any([interrupted, ended.signal]);
  const ending = deps.sleep(leftMs, signal).then(() => ended.abort());
  const start = from.appliedIndex === 0 ? { initial: true } : { fromIndex: from.appliedIndex + 1 };
  let last = from;
  try {
    for await (const group of statesOf(client.watchGroup(from.name, { ...start, signal }))) {
      tell(group);
      last = group;
      if (isSettled(group, goal)) break;
    }
  } finally {
    ended.abort();
    await ending;
  }
  return last;
}

async function* statesOf(watch: AsyncGenerator<GroupNotice, void>): AsyncGenerator<PlainGroup, void> {
  for await (const notice of watch) {
    if (notice.type === "initial" || notice.type === "events") yield* notice.events.map(({ group }) => group);
  }
}

function isThere(group: PlainGroup, { state, on, off }: Goal): boolean {
  const { currentOwner } = group;
  return group.ownershipState === state && (on === undefined || currentOwner === on) && currentOwner !== off;
}

/** There, or where it will not come there by itself. */
function isSettled(group: PlainGroup, goal: Goal): boolean {
  if (errorText(group) !== "" || isThere(group, goal)) return true;
  return goal.state === "online" && group.ownershipState === "online";
}

function missedText(group: PlainGroup, { state, on, off }: Goal): string {
  const error = errorText(group);
  if (error !== "") return `${group.name} is in error: ${error}`;
  const where = on === undefined ? "" : ` on ${on}`;
  const elsewhere = off === undefined ? "" : ` on another owner than ${off}`;
  return `${group.name} is not ${state}${where}${elsewhere}`;
}
