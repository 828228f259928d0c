// Starts a node from its simulated disk exactly as a process does from a real one, only that reading takes no time: the
// first start writes the bootstrap, and every start raises the boot number durably before the node does anything.

import { assert, InvariantError } from "../../proto/assert.ts";
import { type NodeId, toBootNumber } from "../../proto/ids.ts";
import type { Random } from "../../proto/random.ts";
import { type Bootstrap, bootOperations, genesisOperations } from "../node/genesis.ts";
import { type NodeImage, readNode, type Stored } from "../node/image.ts";
import { lineageWith } from "../node/lineage.ts";
import { Node, type NodeOptions } from "../node/node.ts";
import type { SimDisk } from "./sim-disk.ts";
import type { Boot } from "./sim-node.ts";

const allRows = { rowsMax: Number.MAX_SAFE_INTEGER, bytesMax: Number.MAX_SAFE_INTEGER };

/** @param logKept little of it makes followers that lag need snapshots */
export function createBoot(bootstrap: Bootstrap, logKept?: NodeOptions["logKept"]): Boot {
  const { leaseRead } = bootstrap;
  const kept = logKept === undefined ? { leaseRead } : { leaseRead, logKept };
  return ({ node, disk, random, wallOffsetMs }) => {
    const image = imageOf(bootstrap, node, disk, nonceOf(random));
    return { machine: new Node({ image, seed: random.uint32(), wallOffsetMs, ...kept }), boot: image.boot };
  };
}

/** @throws {InvariantError} when the disk is damaged, which it can only be by a fault of the node */
function imageOf(bootstrap: Bootstrap, node: NodeId, disk: SimDisk, nonce: string): NodeImage {
  const before = readDisk(disk);
  if (before.type === "empty") {
    const start = { boot: toBootNumber(1), nonce, lap: 0 };
    disk.writeAtOnce(genesisOperations({ bootstrap, self: node, start, quarantine: null }));
  } else if (before.type === "image") {
    const { boot, lineage } = before.image;
    const start = { boot: toBootNumber(boot + 1), nonce, lap: 0 };
    disk.writeAtOnce(bootOperations(lineageWith(lineage, start), null));
  }
  const now = readDisk(disk);
  if (now.type === "damaged") throw new InvariantError(`The disk of ${node} is damaged: ${now.reason}`);
  assert(now.type === "image", () => `The disk of ${node} is empty`);
  return now.image;
}

function nonceOf(random: Random): string {
  return [random.uint32(), random.uint32()].map((half) => half.toString(16).padStart(8, "0")).join("");
}

/** What a start would find. */
export function readDisk(disk: SimDisk): Stored {
  const reading = readNode(disk.durableTable);
  let next = reading.next();
  while (next.done !== true) next = reading.next(disk.durablePage(next.value, allRows).rows);
  return next.value;
}
