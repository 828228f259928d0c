// Publications that never arrive, and publications that nobody made. Neither is ever healed: gossip is not needed for
// safety, and not for liveness either (invariant 8).

import { type NodeId, toLogIndex, toTerm } from "../../../proto/ids.ts";
import type { Envelope, PeerMessage } from "../../../proto/messages.ts";
import type { Entry } from "../../../proto/raft.ts";
import type { Random } from "../../../proto/random.ts";
import type { GossipMode } from "../run-options.ts";
import type { Hop } from "../sim-network.ts";
import type { World } from "../world.ts";
import type { Fault } from "./fault.ts";

const forgeryProbability = 0.3;

export class BadGossip implements Fault {
  readonly name = "gossip";
  readonly isConstant = true;
  readonly #world: World;
  readonly #random: Random;
  readonly #mode: GossipMode;
  #count = 0;

  constructor(world: World, random: Random, mode: GossipMode) {
    this.#world = world;
    this.#random = random;
    this.#mode = mode;
  }

  get count(): number {
    return this.#count;
  }

  start(): void {
    if (this.#mode === "lost") this.#world.network.setGossipFilter(() => this.#lose());
    if (this.#mode === "forged") this.#world.network.setGossipFilter((_topic, hop) => this.#forge(hop));
  }

  heal(): void {}

  #lose(): readonly Hop[] {
    this.#count += 1;
    return [];
  }

  /** Adds a publication that claims to come from another node than hands it over, and says what would hurt most. */
  #forge(hop: Hop): readonly Hop[] {
    const nodes = this.#world.nodes.map(({ node }) => node);
    const victim = this.#random.pick(nodes.filter((node) => node !== hop.from));
    if (!this.#random.chance(forgeryProbability)) return [hop];
    this.#count += 1;
    return [hop, { ...hop, envelope: forgedEnvelope(hop.envelope, victim, this.#random) }];
  }
}

function forgedEnvelope(honest: Envelope, claimed: NodeId, random: Random): Envelope {
  return { ...honest, from: claimed, message: forgedMessage(honest.message, random) };
}

function forgedMessage(message: PeerMessage, random: Random): PeerMessage {
  switch (message.type) {
    case "raft": {
      if (message.message.type !== "append") return message;
      const { slice, term, commit } = message.message;
      const forged = { ...slice, entries: slice.entries.map((entry) => forgedEntry(entry, random)) };
      const later = toTerm(term + random.between(0, 3));
      const ahead = toLogIndex(commit + random.between(0, 5));
      return { ...message, message: { ...message.message, slice: forged, term: later, commit: ahead } };
    }
    case "clusterNews": {
      const entries = message.entries.map((entry) => forgedEntry(entry, random));
      return { ...message, index: toLogIndex(message.index + random.between(0, 1_000)), entries };
    }
    case "statuses": {
      const components = message.components.map((component) => ({
        ...component,
        index: toLogIndex(component.index + random.between(1, 1_000_000)),
        status: random.pick(["down", "left", "up"] as const),
      }));
      return { ...message, components };
    }
    default:
      return message;
  }
}

function forgedEntry(entry: Entry, random: Random): Entry {
  return { ...entry, payload: entry.payload.map(() => random.between(0, 255)) };
}
