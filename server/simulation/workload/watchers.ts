// Readers of watches: each follows one group through one node, is slow at times, and when its stream ends resumes through
// another node behind the last revision it was given.

import { type GroupId, type Revision, toRevision } from "../../../proto/ids.ts";
import type { Random } from "../../../proto/random.ts";
import type { KeyEvent, WatchMessage } from "../../../proto/requests.ts";
import type { SimNode } from "../sim-node.ts";
import type { World } from "../world.ts";
import { drawForm, plainForm, requestOf, type WatchForm } from "./watch-forms.ts";

/** One thing that a watcher was told. */
export type WatchStep =
  /** A stream began, and owes everything from `from` on. */
  | { readonly type: "stream"; readonly from: Revision }
  | { readonly type: "events"; readonly events: readonly KeyEvent[]; readonly through: Revision }
  /** Everything up to here was given. */
  | { readonly type: "bookmark"; readonly through: Revision }
  | { readonly type: "behind"; readonly delivered: Revision; readonly newest: Revision };

/** What one watcher was given, in order, over all its streams. */
export interface WatchLog {
  readonly group: GroupId;
  readonly form: WatchForm;
  /** The first revision that it is owed. */
  from: Revision;
  readonly steps: WatchStep[];
  /** What existed at `from` - 1; null: it did not ask, or was not given all of it. */
  existing: readonly KeyEvent[] | null;
  /** Of what exists, the pages so far. */
  pages: KeyEvent[];
  /** Everything up to here was given. */
  through: Revision;
  /** Set when the watcher was told that revisions are gone. */
  compacted: boolean;
}

interface WatchersOptions {
  readonly world: World;
  readonly groups: readonly GroupId[];
  readonly random: Random;
  readonly count: number;
  /** For what each of them asks; null: all keys and changes. */
  readonly forms: Random | null;
}

const resumeMsMax = 500;

export class Watchers {
  readonly #options: WatchersOptions;
  readonly #logs: WatchLog[] = [];
  #isStopped = false;

  constructor(options: WatchersOptions) {
    this.#options = options;
  }

  get logs(): readonly WatchLog[] {
    return this.#logs;
  }

  start(): void {
    const { count, groups, random, forms } = this.#options;
    for (let watcher = 0; watcher < count; watcher++) {
      const form = forms === null ? plainForm : drawForm(forms);
      this.#begin(newWatchLog(random.pick(groups), form), random.fork());
    }
  }

  stop(): void {
    this.#isStopped = true;
  }

  #begin(log: WatchLog, random: Random): void {
    this.#logs.push(log);
    this.#resume(log, random);
  }

  #resume(log: WatchLog, random: Random): void {
    const { world } = this.#options;
    world.scheduler.after(random.fraction() * resumeMsMax, () => {
      if (this.#isStopped || log.compacted) return;
      const node = random.pick(world.nodes);
      if (node.isRunning) this.#open(log, node, random);
      else this.#resume(log, random);
    });
  }

  #open(log: WatchLog, node: SimNode, random: Random): void {
    const { scheduler } = this.#options.world;
    const isAnew = log.form.initial && log.existing === null;
    const request = requestOf(log.group, log.form, isAnew ? null : toRevision(log.through + 1));
    const call = node.call(request, 0, {
      reply: () => this.#resume(log, random),
      lost: () => this.#resume(log, random),
      watch: (message) => {
        take(log, message);
        if (message.type === "canceled") this.#resume(log, random);
        if (message.type === "compacted" && log.form.initial) this.#begin(newWatchLog(log.group, log.form), random);
        if (message.type !== "events" && message.type !== "initial") return;
        const slownessMs = random.chance(0.2) ? random.fraction() * log.form.slownessMsMax : 0;
        scheduler.after(slownessMs, () => node.drained(call));
      },
    });
  }
}

export function newWatchLog(group: GroupId, form: WatchForm, from: Revision = toRevision(2)): WatchLog {
  const nothing = { steps: [], existing: null, pages: [], compacted: false };
  return { group, form, from, through: toRevision(from - 1), ...nothing };
}

export function eventsOf({ steps }: WatchLog): readonly KeyEvent[] {
  return steps.flatMap((step) => (step.type === "events" ? step.events : []));
}

/** Adds what a message says to the log. */
export function take(log: WatchLog, message: WatchMessage): void {
  switch (message.type) {
    case "opened":
      log.steps.push({ type: "stream", from: message.revision });
      return;
    case "initial":
      return takePage(log, message);
    case "events":
      log.steps.push({ type: "events", events: message.events, through: message.revision });
      log.through = message.revision;
      return;
    case "progress":
      log.steps.push({ type: "bookmark", through: message.revision });
      log.through = message.revision;
      return;
    case "behind":
      log.steps.push({ type: "behind", delivered: message.delivered, newest: message.newest });
      return;
    case "compacted":
      log.compacted = true;
      return;
    default:
      return;
  }
}

/** Pages of a stream that broke count nothing: what exists begins anew. */
function takePage(log: WatchLog, message: WatchMessage & { readonly type: "initial" }): void {
  log.pages = message.page === 1 ? [...message.events] : [...log.pages, ...message.events];
  if (message.more) return;
  log.existing = log.pages;
  log.from = toRevision(message.revision + 1);
  log.through = message.revision;
}
