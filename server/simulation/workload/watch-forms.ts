// What a watcher asks for: some of the keys, some kinds of changes, what exists first, in every combination.

import type { GroupId, Revision } from "../../../proto/ids.ts";
import type { Random } from "../../../proto/random.ts";
import type { KeyEvent, WatchRequest } from "../../../proto/requests.ts";
import { bytesOf, compareBytes, emptyBytes } from "../../../storage/bytes.ts";

export type WatchForm = Pick<
  WatchRequest,
  | "span"
  | "puts"
  | "deletes"
  | "withoutExpiries"
  | "previousValues"
  | "initial"
  | "progressIntervalMs"
  | "bufferBytesMax"
> & {
  /** Longest that a message is left unread. */
  readonly slownessMsMax: number;
};

const allKeys = { start: emptyBytes, end: null };

/** Puts and deletes of all keys, from where the watch begins. */
export const plainForm: WatchForm = {
  span: allKeys,
  puts: true,
  deletes: true,
  withoutExpiries: false,
  previousValues: true,
  initial: false,
  progressIntervalMs: 0,
  bufferBytesMax: 0,
  slownessMsMax: 100,
};

/** Without progress a watch that filters does not learn that nothing is for it. */
export function drawForm(random: Random): WatchForm {
  const kinds = random.pick(["all", "all", "puts", "deletes"] as const);
  const prefix = random.pick(["", "key-", "key-1", "account-"]);
  return {
    span: prefix === "" ? allKeys : { start: bytesOf(prefix), end: bytesOf(`${prefix}~`) },
    puts: kinds !== "deletes",
    deletes: kinds !== "puts",
    previousValues: random.chance(0.5),
    initial: random.chance(0.5),
    progressIntervalMs: random.pick([100, 500, 2_000]),
    bufferBytesMax: random.pick([0, 100, 1_000]),
    slownessMsMax: random.pick([100, 2_000]),
    withoutExpiries: random.chance(0.3),
  };
}

/** @param startRevision null: what exists first */
export function requestOf(group: GroupId, form: WatchForm, startRevision: Revision | null): WatchRequest {
  const { slownessMsMax: _, ...wanted } = form;
  return { type: "watch", group, ...wanted, initial: startRevision === null, startRevision };
}

export function isWanted(form: WatchForm, event: KeyEvent): boolean {
  const { key } = event;
  const { start, end } = form.span;
  return compareBytes(key, start) >= 0 && (end === null || compareBytes(key, end) < 0) && isOfKind(form, event);
}

function isOfKind({ puts, deletes, withoutExpiries }: WatchForm, { kv, endedLease }: KeyEvent): boolean {
  if (kv !== null) return puts;
  return endedLease === 0 ? deletes : !withoutExpiries;
}
