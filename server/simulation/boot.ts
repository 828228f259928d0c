// Starts a node from its simulated disk exactly as a process does from a real one (node-data.ts), only that reading takes no
// time: every start raises the boot number durably before the node does anything, and damaged data is set aside.

import { assert, InvariantError } from "../../proto/assert.ts";
import type { NodeId } from "../../proto/ids.ts";
import type { Random } from "../../proto/random.ts";
import type { Bootstrap } from "../node/genesis.ts";
import { type NodeImage, readNode, type Stored } from "../node/image.ts";
import { Node, type NodeOptions } from "../node/node.ts";
import { planStart } from "../node/start-plan.ts";
import type { SimDisk } from "./sim-disk.ts";
import type { Boot } from "./sim-node.ts";

const allRows = { rowsMax: Number.MAX_SAFE_INTEGER, bytesMax: Number.MAX_SAFE_INTEGER };

/** @param logKept little of it makes followers that lag need snapshots */
export function createBoot(bootstrap: Bootstrap, logKept?: NodeOptions["logKept"]): Boot {
  const { leaseRead, voterReplacement } = bootstrap;
  const settings = { leaseRead, voterReplacement };
  const kept = logKept === undefined ? settings : { ...settings, logKept };
  return ({ node, disk, random, wallOffsetMs }) => {
    const { image, damage } = startOn(disk, { bootstrap, self: node, nonce: nonceOf(random) });
    const machine = new Node({ image, seed: random.uint32(), wallOffsetMs, ...kept });
    return { machine, boot: image.boot, damage };
  };
}

interface Beginning {
  readonly bootstrap: Bootstrap;
  readonly self: NodeId;
  readonly nonce: string;
}

/** @throws {InvariantError} when the disk is damaged and no fault has done it: then the node has */
function startOn(disk: SimDisk, beginning: Beginning): { image: NodeImage; damage: string | null } {
  const before = readDisk(disk);
  const damage = before.type === "damaged" ? before.reason : null;
  if (damage !== null) {
    if (!disk.isRotten) throw new InvariantError(`The disk of ${beginning.self} is damaged: ${damage}`);
    disk.setAside();
  }
  disk.isRotten = false;
  const image = before.type === "image" ? before.image : null;
  const identity = before.type === "damaged" ? before.identity : image;
  const doubt = damage === null ? null : `The data was damaged: ${damage}`;
  const dataBoot = identity?.boot ?? 0;
  const { boot, operations } = planStart({ ...beginning, image, keyBoot: disk.keyBoot, dataBoot, doubt });
  disk.writeAtOnce(operations);
  disk.keyBoot = boot;
  const now = readDisk(disk);
  assert(now.type === "image", () => `The disk of ${beginning.self} is ${now.type} right after a start was recorded`);
  return { image: now.image, damage };
}

function nonceOf(random: Random): string {
  return [random.uint32(), random.uint32()].map((half) => half.toString(16).padStart(8, "0")).join("");
}

/** What a start would find. */
export function readDisk(disk: SimDisk): Stored {
  if (disk.slotDamage !== null) return { type: "damaged", reason: disk.slotDamage, identity: null };
  const reading = readNode(disk.durableTable);
  let next = reading.next();
  while (next.done !== true) {
    const { range, rows } = next.value;
    next = reading.next(disk.durablePage(range, rows === "first" ? { ...allRows, rowsMax: 1 } : allRows).rows);
  }
  return next.value;
}
