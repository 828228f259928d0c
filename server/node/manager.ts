// What the group manager (the leader of the group's replication) decides for its group: which owners are down or up, and
// who is the current owner. It proposes; the group's log decides. S1 Fig. 4, with the quorum of block 404 being the log's.

import { encodeGroupCommand } from "../../proto/codec/commands.ts";
import type { GroupCommand } from "../../proto/commands.ts";
import { type Millis, type NodeId, toEpoch } from "../../proto/ids.ts";
import type { NodeIntent } from "../../proto/model.ts";
import { dueIntents, isThere, operationFor, partFor } from "../recovery/intents.ts";
import { planAdvice } from "../recovery/placement.ts";
import { SilenceDetector } from "../recovery/silence.ts";
import { planVerdicts } from "../recovery/verdicts.ts";
import type { GroupState } from "./group-state.ts";
import { limits } from "./limits.ts";
import { earliest, isDue } from "./millis.ts";
import { type World, wallMs } from "./world.ts";

const { suspectMs, downMs } = limits;

/** What a manager knows besides its group. */
export interface Surroundings {
  /** Why nodes take no part in their groups. */
  readonly quarantines: ReadonlyMap<NodeId, string>;
  /** What the cluster database wants of owners, and has not heard yet that the group has come to it. */
  readonly intents: () => readonly NodeIntent[];
  /** Where the application runs, if its owner has a right; else that is advice, and is decided here. */
  readonly placement: Placing;
}

export interface Placing {
  readonly isLeased: boolean;
  decide(awaited: (node: NodeId) => boolean, nowMs: Millis): GroupCommand | null;
  deadlineMs(): Millis | null;
}

export class Manager {
  readonly #world: World;
  readonly #self: NodeId;
  readonly #detector = new SilenceDetector({ suspectMs, downMs });
  /** One decision is proposed at a time: the next is made on what became of it. */
  #watched: readonly NodeId[] = [];
  #isDeciding = false;
  #isRefused = false;
  /** Something has happened on which a decision may depend. */
  #isDue = true;
  /** Owners that are there by the group's verdicts: hearing them is no news. */
  #up: ReadonlySet<NodeId> = new Set();

  /** Begins its watch: the silence of the owners counts from now. */
  constructor(world: World, owners: readonly NodeId[], nowMs: Millis) {
    this.#world = world;
    this.#self = world.self;
    this.follow(owners, nowMs);
  }

  /** The owner list has changed: new owners are watched from now on, those that are gone no more. */
  follow(owners: readonly NodeId[], nowMs: Millis): void {
    for (const node of this.#watched) if (!owners.includes(node)) this.#detector.forget(node);
    for (const node of owners) if (node !== this.#self) this.#detector.watchFrom(node, nowMs);
    this.#watched = owners;
    this.#isDue = true;
  }

  /** A deadline that the detector passes by with it is news as well. */
  heard(node: NodeId, nowMs: Millis): void {
    if (!this.#up.has(node) || isDue(this.#detector.deadlineMs(), nowMs)) this.#isDue = true;
    this.#detector.heard(node, nowMs);
  }

  /** This node stood still for so long, and heard nobody. */
  stoodStill(stillMs: number): void {
    this.#detector.discount(stillMs);
  }

  /** A verdict, a quarantine or the time has changed: decide anew. */
  wake(): void {
    this.#isDue = true;
  }

  /** What was refused is tried again with every deadline there is: its own has passed, and would be due for ever. */
  deadlineMs(placement: Placing): Millis | null {
    return this.#isDeciding || this.#isRefused ? null : earliest(this.#detector.deadlineMs(), placement.deadlineMs());
  }

  /** @returns the encoded command to propose now, or null; call `decided` when its fate is known */
  decide(state: GroupState, surroundings: Surroundings, nowMs: Millis): Uint8Array | null {
    if (this.#isDeciding || !this.#isDue) return null;
    this.#isDue = false;
    this.#isRefused = false;
    // Of owners in quarantine it is not asked, and its deadline for them would be due for ever.
    this.#detector.advance(nowMs);
    this.#up = new Set(state.verdicts().flatMap(({ node, status }) => (isThere(status) ? [node] : [])));
    const { quarantines, intents, placement } = surroundings;
    const command =
      intentOf(state, intents()) ?? this.#verdicts(state, quarantines, nowMs) ?? this.#place(state, placement, nowMs);
    if (command === null) return null;
    this.#isDeciding = true;
    return encodeGroupCommand(command);
  }

  /** The command could not be proposed now: decide anew when something else has happened. */
  refused(): void {
    this.#isDeciding = false;
    this.#isRefused = true;
  }

  /** A command is on its way into the log. */
  get isDeciding(): boolean {
    return this.#isDeciding;
  }

  /** The last command could not be proposed: the time may have come for it with every deadline. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** The proposed command was applied, or never will be. */
  decided(): void {
    this.#isDeciding = false;
    this.#isDue = true;
  }

  #verdicts(state: GroupState, quarantines: ReadonlyMap<NodeId, string>, nowMs: Millis): GroupCommand | null {
    const changes = planVerdicts({
      owners: state.object.owners,
      self: this.#self,
      verdicts: state.verdicts(),
      heard: (node) => this.#detector.verdict(node, nowMs),
      quarantined: (node) => quarantines.get(node) ?? "",
      downMs,
    });
    return changes.length === 0 ? null : { type: "verdicts", changes };
  }

  #place(state: GroupState, placement: Placing, nowMs: Millis): GroupCommand | null {
    if (!placement.isLeased) return this.#ownership(state, nowMs);
    return placement.decide((node) => this.#isAwaited(node, nowMs), nowMs);
  }

  #isAwaited(node: NodeId, nowMs: Millis): boolean {
    return node !== this.#self && this.#detector.verdict(node, nowMs) !== "silent";
  }

  /** The application goes on with the owner that is up; else it moves to the next in the list (block 406). */
  #ownership(state: GroupState, nowMs: Millis): GroupCommand | null {
    const view = {
      ownership: state.ownership,
      owners: state.object.owners,
      verdicts: state.verdicts(),
      awaited: (node: NodeId) => this.#isAwaited(node, nowMs),
    };
    const plan = planAdvice(view, state.placement);
    if (plan === null) return null;
    const epoch = toEpoch(state.ownership.epoch + 1);
    return { type: "own", ...plan, epoch, manager: this.#self, atMs: wallMs(this.#world, nowMs) };
  }
}

/** What is wanted of an owner, and did not come with a transaction over all its groups: as soon as nothing is in its way. */
function intentOf(state: GroupState, pending: readonly NodeIntent[]): GroupCommand | null {
  const { group } = state.object;
  const due = dueIntents(pending, (node) => state.intents.get(node));
  const parts = due.map((intent) => partFor(group, operationFor(intent)));
  const part = parts.find((each) => state.refuseIntent(each) === null);
  return part === undefined ? null : { type: "transact", part };
}
