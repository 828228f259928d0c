// A follower of the ceiling: what comes from the leader, by its stream or by gossip, goes to the disk, and each synced write
// is acknowledged on the stream. It checks only that nothing is missing: figures with losses would be none.

import { TopicValidatorResult } from "@chainsafe/libp2p-gossipsub";
import type { Stream } from "@libp2p/interface";
import { type CeilingHost, ceilingProtocol, ceilingTopic, createCeilingHost } from "./host.ts";
import { CeilingLog } from "./log.ts";
import { encodePiece, keyOfNumber, PieceReader } from "./pieces.ts";

/** Says its address to the parent, and serves until it is ended. */
export async function runFollower(directory: string): Promise<void> {
  const host = await createCeilingHost();
  const follower = new Follower();
  await follower.open(directory, host);
  process.send?.({ address: host.getMultiaddrs()[0]?.toString() });
}

class Follower {
  /** Numbers that the disk has not stored yet, in order. */
  #unstored: number[] = [];
  #received = 0;
  #leader: Stream | null = null;
  #log: CeilingLog | null = null;

  async open(directory: string, host: CeilingHost): Promise<void> {
    this.#log = await CeilingLog.open(directory, (rows) => this.#acknowledge(rows));
    await host.handle(ceilingProtocol, (stream) => this.#listen(stream));
    const { pubsub } = host.services;
    pubsub.topicValidators.set(ceilingTopic, (_peer, { data }) => {
      this.#receive(new PieceReader(), data);
      return TopicValidatorResult.Ignore;
    });
    pubsub.subscribe(ceilingTopic);
  }

  #listen(stream: Stream): void {
    const reader = new PieceReader();
    this.#leader = stream;
    stream.addEventListener("message", ({ data }) => this.#receive(reader, data.subarray()));
  }

  #receive(reader: PieceReader, chunk: Uint8Array): void {
    for (const { number, bytes } of reader.read(chunk)) {
      this.#received += 1;
      if (number !== this.#received) giveUp(`Piece ${this.#received} is missing, ${number} came`);
      this.#unstored.push(number);
      this.#log?.add({ key: keyOfNumber(number), value: bytes });
    }
  }

  /** The newest of the stored numbers stands for all before it: stream and gossip both keep a sender's order. */
  #acknowledge(rows: number): void {
    const newest = this.#unstored[rows - 1];
    this.#unstored = this.#unstored.slice(rows);
    if (newest !== undefined) this.#leader?.send(encodePiece(newest, []));
  }
}

/** Not thrown: libp2p would swallow it. */
function giveUp(reason: string): never {
  process.stderr.write(`ceiling follower: ${reason}\n`);
  process.exit(1);
}
