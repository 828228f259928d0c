// The leader of the ceiling: takes puts over gRPC, sends each batch to the followers and to its own disk at once, and answers
// when two of three disks have it. What consensus adds to that (terms, elections, state, checks) is left out on purpose.

import type { Stream } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { type CeilingHost, ceilingProtocol, ceilingTopic, createCeilingHost } from "./host.ts";
import { CeilingLog } from "./log.ts";
import { encodePiece, keyOfNumber, PieceReader } from "./pieces.ts";
import { startPutServer } from "./put-server.ts";

export type Spread = "stream" | "gossip";

export interface LeaderOptions {
  readonly directory: string;
  readonly spread: Spread;
  /** Multiaddresses of the two followers. */
  readonly followers: readonly string[];
}

/** Bytes of pieces that a follower may be behind before the leader gives up: far more than any load here keeps in flight. */
const backlogBytesMax = 3 * 2 ** 20;
const gossipPatienceMs = 10_000;

/** Says its gRPC endpoint to the parent, and serves until it is ended. */
export async function runLeader(options: LeaderOptions): Promise<void> {
  const host = await createCeilingHost();
  const streams = await Promise.all(
    options.followers.map((address) => host.dialProtocol(multiaddr(address), ceilingProtocol)),
  );
  if (options.spread === "gossip") await waitForSubscribers(host, streams.length);
  const send = options.spread === "stream" ? sendTo(streams) : publishOn(host);
  const leader = new Leader(send, streams.length);
  await leader.open(options.directory, streams);
  const port = await startPutServer((request, done) => leader.submit(request, done));
  process.send?.({ address: `127.0.0.1:${port}` });
}

function sendTo(streams: readonly Stream[]): (piece: Uint8Array) => void {
  return (piece) => {
    for (const stream of streams) {
      stream.send(piece);
      if (stream.writeBufferLength > backlogBytesMax) throw new Error("A follower of the ceiling has fallen behind");
    }
  };
}

/** A publication that fails ends the process, by an unhandled rejection. */
function publishOn({ services: { pubsub } }: CeilingHost): (piece: Uint8Array) => void {
  return (piece) => void pubsub.publish(ceilingTopic, piece);
}

async function waitForSubscribers({ services: { pubsub } }: CeilingHost, count: number): Promise<void> {
  pubsub.subscribe(ceilingTopic);
  const giveUpAtMs = performance.now() + gossipPatienceMs;
  while (pubsub.getSubscribers(ceilingTopic).length < count) {
    if (performance.now() > giveUpAtMs) throw new Error("The followers of the ceiling do not hear gossip");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

interface Put {
  readonly request: Uint8Array;
  readonly done: () => void;
}

class Leader {
  readonly #send: (piece: Uint8Array) => void;
  /** Newest number that each disk has, the own one first. */
  readonly #stored: number[];
  #log: CeilingLog | null = null;
  #waiting: Put[] = [];
  /** Batches that are not on two disks yet, by ascending number. */
  #unanswered: { readonly number: number; readonly puts: readonly Put[] }[] = [];
  #newest = 0;
  #isFlushing = false;

  constructor(send: (piece: Uint8Array) => void, followers: number) {
    this.#send = send;
    this.#stored = new Array<number>(followers + 1).fill(0);
  }

  async open(directory: string, streams: readonly Stream[]): Promise<void> {
    this.#log = await CeilingLog.open(directory, () => {
      this.#advance(0, this.#newest);
      this.#flushSoon();
    });
    for (const [position, stream] of streams.entries()) {
      const reader = new PieceReader();
      stream.addEventListener("message", ({ data }) => {
        for (const { number } of reader.read(data.subarray())) this.#advance(position + 1, number);
      });
    }
  }

  submit(request: Uint8Array, done: () => void): void {
    this.#waiting.push({ request, done });
    this.#flushSoon();
  }

  /** Puts of one turn of the event loop, and of the time that the disk is busy, make one batch. */
  #flushSoon(): void {
    if (this.#isFlushing || this.#waiting.length === 0 || this.#log?.isIdle !== true) return;
    this.#isFlushing = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#isFlushing = false;
    const puts = this.#waiting;
    this.#waiting = [];
    this.#newest += 1;
    const piece = encodePiece(
      this.#newest,
      puts.map(({ request }) => request),
    );
    this.#unanswered.push({ number: this.#newest, puts });
    this.#send(piece);
    this.#log?.add({ key: keyOfNumber(this.#newest), value: piece });
  }

  #advance(disk: number, number: number): void {
    this.#stored[disk] = Math.max(this.#stored[disk] ?? 0, number);
    const onMajority = this.#stored.toSorted((left, right) => right - left)[this.#stored.length >> 1] ?? 0;
    while (this.#unanswered[0] !== undefined && this.#unanswered[0].number <= onMajority) {
      for (const { done } of this.#unanswered.shift()?.puts ?? []) done();
    }
  }
}
