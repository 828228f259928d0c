// Ports that nobody uses now, from 20000 up and below those that systems give away by themselves. They come in blocks: whoever
// listens on the first port of a block has the others too, also while its nodes are down, and until its process ends.

import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { refusalToListen } from "../../../server/port-check.ts";

const lowest = 20_000;
const highest = 32_000;
const blockSize = 50;
const attempts = 50;

/** @returns the first of `count` free ports in a row */
export async function findPorts(count: number): Promise<number> {
  if (count >= blockSize) throw new Error(`${count} ports, a block has ${blockSize - 1}`);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const block = lowest + randomInt((highest - lowest) / blockSize) * blockSize;
    const claim = await claimPort(block);
    if (claim === null) continue;
    const ports = Array.from({ length: count }, (_, position) => block + 1 + position);
    const refusals = await Promise.all(ports.map((port) => refusalToListen({ host: "127.0.0.1", port })));
    if (refusals.every((refusal) => refusal === null)) return block + 1;
    claim.release();
  }
  throw new Error(`No ${count} free ports in a row between ${lowest} and ${highest}`);
}

/** Listens, as long as this process runs, without keeping it. @returns null when another does */
function claimPort(port: number): Promise<{ readonly release: () => void } | null> {
  return new Promise((resolve) => {
    const server = createServer().unref();
    server.once("error", () => resolve(null));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => resolve({ release: () => server.close() }));
  });
}
