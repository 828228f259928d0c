// Starts a node from its simulated disk exactly as a process does from a real one, only that reading takes no time: the
// first start writes the bootstrap, and every start raises the boot number durably before the node does anything.

import { assert, InvariantError } from "../../proto/assert.ts";
import { type NodeId, toBootNumber } from "../../proto/ids.ts";
import { type Bootstrap, bootOperations, genesisOperations } from "../node/genesis.ts";
import { type NodeImage, readNode, type Stored } from "../node/image.ts";
import { Node, type NodeOptions } from "../node/node.ts";
import type { SimDisk } from "./sim-disk.ts";
import type { Boot } from "./sim-node.ts";

const allRows = { rowsMax: Number.MAX_SAFE_INTEGER, bytesMax: Number.MAX_SAFE_INTEGER };

/** @param logKept little of it makes followers that lag need snapshots */
export function createBoot(bootstrap: Bootstrap, logKept?: NodeOptions["logKept"]): Boot {
  const kept = logKept === undefined ? {} : { logKept };
  return ({ node, disk, random, wallOffsetMs }) => {
    const image = imageOf(bootstrap, node, disk);
    return { machine: new Node({ image, seed: random.uint32(), wallOffsetMs, ...kept }), boot: image.boot };
  };
}

/** @throws {InvariantError} when the disk is damaged, which it can only be by a fault of the node */
function imageOf(bootstrap: Bootstrap, node: NodeId, disk: SimDisk): NodeImage {
  const before = readDisk(disk);
  if (before.type === "empty") {
    const genesis = { bootstrap, self: node, boot: toBootNumber(1), quarantine: null };
    disk.writeAtOnce(genesisOperations(genesis));
  } else if (before.type === "image") {
    disk.writeAtOnce(bootOperations(toBootNumber(before.image.boot + 1), null));
  }
  const now = readDisk(disk);
  if (now.type === "damaged") throw new InvariantError(`The disk of ${node} is damaged: ${now.reason}`);
  assert(now.type === "image", () => `The disk of ${node} is empty`);
  return now.image;
}

/** What a start would find. */
export function readDisk(disk: SimDisk): Stored {
  const reading = readNode(disk.durableTable);
  let next = reading.next();
  while (next.done !== true) next = reading.next(disk.durablePage(next.value, allRows).rows);
  return next.value;
}
