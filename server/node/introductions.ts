// Who runs on the disk on which it made its promises (lineage.ts). Members of a group introduce themselves to each other; a
// peer counts once its start agrees with all that is remembered of it, and once that start is remembered durably here. One
// that does not is told what contradicts it, and quarantines itself.

import { type BootNumber, type Millis, type NodeId, toMillis } from "../../proto/ids.ts";
import type { PeerMessage, Start } from "../../proto/messages.ts";
import { peerStartKey } from "../../storage/keys.ts";
import type { Operation } from "../../storage/ordered-store.ts";
import { encodeStarts } from "../../storage/start-record.ts";
import { disownOperations } from "./genesis.ts";
import type { NodeImage } from "./image.ts";
import type { WriteId } from "./inputs.ts";
import { Laps } from "./laps.ts";
import { limits } from "./limits.ts";
import { isSameStart, presentOf, standingOf } from "./lineage.ts";
import { earliest, isDue } from "./millis.ts";
import type { World } from "./world.ts";

type Message<Type extends PeerMessage["type"]> = PeerMessage & { readonly type: Type };

interface Peer {
  readonly start: Start;
  readonly isRefused: boolean;
}

export class Introductions {
  readonly #world: World;
  readonly #laps: Laps;
  /** Newest start of each peer, as on disk or on its way there. */
  readonly #remembered: Map<NodeId, Start>;
  /** Writes of a newest start that are not durable yet. */
  readonly #recording = new Map<NodeId, WriteId>();
  /** Peers that have introduced themselves over the present connection. */
  readonly #peers = new Map<NodeId, Peer>();
  readonly #acceptedBy = new Set<NodeId>();
  /** When a peer may be told, and asked, again. */
  readonly #nextHelloMs = new Map<NodeId, Millis>();
  readonly #nextAskMs = new Map<NodeId, Millis>();
  /** When those that have not accepted this node's start are told again. */
  #resendMs: Millis | null = null;
  /** In quarantine: this node speaks as no member that it was before. */
  #isAnew: boolean;
  #anewSince: BootNumber;
  /** Starts up to this one that the own lineage does not hold were given up with a quarantine. */
  #disowned: BootNumber;

  constructor(
    world: World,
    stored: Pick<NodeImage, "lineage" | "peerStarts" | "quarantine" | "anewSince" | "disowned">,
  ) {
    this.#world = world;
    this.#laps = new Laps(stored.lineage, world.out);
    this.#remembered = new Map(stored.peerStarts);
    this.#isAnew = stored.quarantine !== null;
    this.#anewSince = stored.anewSince;
    this.#disowned = stored.disowned;
  }

  /** @param isWanted the peer has to hear it, also if it was told a moment ago */
  introduce(peer: NodeId, isWanted: boolean, nowMs: Millis): void {
    const nextMs = this.#nextHelloMs.get(peer) ?? nowMs;
    if (isWanted || nowMs >= nextMs) this.#send(peer, false, nowMs);
    else this.#resendMs ??= nextMs;
  }

  /** Before anything is promised to the peer: what it says next is judged by what it is told here. */
  greet(peer: NodeId, nowMs: Millis): void {
    if (!this.#nextHelloMs.has(peer)) this.#send(peer, false, nowMs);
  }

  /** Those that are connected and have not accepted this node's start yet. */
  introduceAll(fellows: Iterable<NodeId>, nowMs: Millis): void {
    for (const peer of fellows) {
      if (this.#world.connected.has(peer) && !this.#acceptedBy.has(peer)) this.introduce(peer, false, nowMs);
    }
  }

  /** This node is in quarantine from this step on: whoever refused it before has no reason to any more. */
  beginAnew(fellows: Iterable<NodeId>, nowMs: Millis): void {
    this.#isAnew = true;
    this.#anewSince = this.#world.boot;
    for (const peer of fellows) if (this.#world.connected.has(peer)) this.#send(peer, true, nowMs);
  }

  /** It has come back as other members, whose promises rest on this line of starts. */
  beNoLongerAnew(): void {
    this.#isAnew = false;
  }

  peerDown(peer: NodeId): void {
    this.#peers.delete(peer);
    this.#acceptedBy.delete(peer);
    this.#nextHelloMs.delete(peer);
    this.#nextAskMs.delete(peer);
  }

  /** Whether what the peer says in this start counts; `unproven`: it will, once this node's disk has taken the start down. */
  standing(peer: NodeId, boot: BootNumber): "known" | "unproven" | "unknown" | "refused" {
    const known = this.#peers.get(peer);
    if (known === undefined || known.start.boot !== boot) return "unknown";
    if (known.isRefused) return "refused";
    return this.#recording.has(peer) ? "unproven" : "known";
  }

  isAcceptedBy(peer: NodeId): boolean {
    return this.#acceptedBy.has(peer);
  }

  /** Something came from a peer that is not known: its introduction was lost, or comes late. */
  ask(peer: NodeId, nowMs: Millis): void {
    if (nowMs < (this.#nextAskMs.get(peer) ?? 0)) return;
    this.#nextAskMs.set(peer, toMillis(nowMs + limits.helloResendMs));
    this.#send(peer, true, nowMs);
  }

  /**
   * @param origin `boot` as the envelope says; `isStale`: the peer was seen in a later start
   * @returns whether it is a start of which nothing was heard over this connection
   */
  hello(
    from: NodeId,
    message: Message<"hello">,
    origin: { readonly boot: BootNumber; readonly isStale: boolean },
  ): boolean {
    const { lineage, anewSince } = message;
    if (lineage.at(-1)?.boot !== origin.boot) {
      this.#world.counters.count("introductions of another start");
      return false;
    }
    const start = presentOf(lineage);
    const isRestored = (line: readonly Start[], seen: Start) => standingOf(line, seen, anewSince) === "restored";
    const isNew = !this.#isPresent(from, start);
    const remembered = this.#remembered.get(from) ?? null;
    // One that was overtaken by a lap of the same start says nothing new.
    const isRepeat = !isNew && this.#peers.get(from)?.isRefused === false;
    if (remembered !== null && !isRepeat && !message.isAnew && isRestored(lineage, remembered)) {
      this.#refuse(from, { start, remembered, isStale: origin.isStale });
    } else this.#accept(from, start, remembered);
    return isNew && !origin.isStale;
  }

  /** A peer remembers nothing that contradicts this start. */
  accepted(from: NodeId, { start }: Message<"helloAccepted">): boolean {
    const isThisStart = isSameStart(start, this.#laps.start);
    if (isThisStart) this.#acceptedBy.add(from);
    return isThisStart;
  }

  /**
   * What a refusal names that holds is given up: the caller quarantines this node, or has done so before.
   *
   * @returns whether this node indeed runs on an old image; a refusal of an earlier start is none
   */
  refused(from: NodeId, { remembered }: Message<"helloRefused">): boolean {
    if (standingOf(this.#laps.lineage, remembered, this.#anewSince) !== "restored") return false;
    if (this.#isDisowned(remembered)) {
      this.#hello(from, { answer: false, isAnew: true });
      return false;
    }
    this.#disown(remembered.boot);
    return true;
  }

  lap(from: NodeId, { start }: Message<"lap">): void {
    const known = this.#peers.get(from);
    const remembered = this.#remembered.get(from);
    if (known === undefined || remembered === undefined || known.isRefused) return;
    // A lap that is not durable yet does no harm: the one before it is.
    if (isSameStart(known.start, start) && start.lap > remembered.lap) {
      this.#world.out.write(this.#remember(from, start));
    }
  }

  promised(nowMs: Millis): void {
    this.#laps.promised(nowMs);
  }

  /** @returns whether a peer has become known by it */
  durable(write: WriteId): boolean {
    if (this.#laps.durable(write)) {
      for (const peer of this.#acceptedBy) this.#world.out.send(peer, { type: "lap", start: this.#laps.start });
    }
    const recorded = [...this.#recording].filter(([, pending]) => pending <= write);
    for (const [peer] of recorded) this.#recording.delete(peer);
    return recorded.length > 0;
  }

  /** @param fellows members of this node's groups */
  deadline(fellows: () => Iterable<NodeId>, nowMs: Millis): void {
    this.#laps.deadline(nowMs);
    if (!isDue(this.#resendMs, nowMs)) return;
    this.#resendMs = null;
    this.introduceAll(fellows(), nowMs);
  }

  deadlineMs(): Millis | null {
    return earliest(this.#laps.deadlineMs(), this.#resendMs);
  }

  /** The line on which it was has ended: the quarantine gave it up, whoever was away then and remembers it still. */
  #isDisowned(remembered: Start): boolean {
    return remembered.boot <= this.#disowned && !this.#laps.lineage.some((start) => isSameStart(start, remembered));
  }

  #disown(boot: BootNumber): void {
    if (boot <= this.#disowned) return;
    this.#disowned = boot;
    this.#world.out.writeDurably(disownOperations(boot), null);
  }

  #send(peer: NodeId, answer: boolean, nowMs: Millis): void {
    const nextMs = toMillis(nowMs + limits.helloResendMs);
    this.#nextHelloMs.set(peer, nextMs);
    this.#resendMs ??= nextMs;
    this.#hello(peer, { answer, isAnew: this.#isAnew });
  }

  #hello(peer: NodeId, said: { readonly answer: boolean; readonly isAnew: boolean }): void {
    const hello = { type: "hello", lineage: this.#laps.lineage, anewSince: this.#anewSince, ...said } as const;
    if (said.isAnew) this.#world.out.sendPromise(peer, hello);
    else this.#world.out.send(peer, hello);
  }

  #accept(from: NodeId, start: Start, remembered: Start | null): void {
    // A start that was not heard of before has not heard of this one either.
    if (!this.#isPresent(from, start)) this.#acceptedBy.delete(from);
    this.#peers.set(from, { start, isRefused: false });
    const isKnown = remembered !== null && isSameStart(remembered, start);
    if (!isKnown) {
      this.#recording.set(from, this.#world.out.nextWrite);
      this.#world.out.writeDurably(this.#remember(from, start), null);
    } else if (start.lap > remembered.lap) this.#world.out.write(this.#remember(from, start));
    this.#world.out.sendPromise(from, { type: "helloAccepted", start });
  }

  #refuse(from: NodeId, found: { readonly start: Start; readonly remembered: Start; readonly isStale: boolean }): void {
    const { start, remembered, isStale } = found;
    if (!isStale && !this.#isPresent(from, start)) {
      const fields = { peer: from, boot: start.boot, remembered: remembered.boot };
      this.#world.out.note("warn", "Refused a peer that runs on an old image of its disk", fields);
    }
    if (!isStale) this.#peers.set(from, { start, isRefused: true });
    this.#world.out.send(from, { type: "helloRefused", remembered });
  }

  #isPresent(peer: NodeId, start: Start): boolean {
    const known = this.#peers.get(peer);
    return known !== undefined && isSameStart(known.start, start);
  }

  #remember(peer: NodeId, start: Start): readonly Operation[] {
    this.#remembered.set(peer, start);
    return [{ type: "put", key: peerStartKey(peer), value: encodeStarts([start]) }];
  }
}
