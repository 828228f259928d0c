// Ports that nobody uses now, from 20000 up and below those that systems give away by themselves.

import { randomInt } from "node:crypto";
import { refusalToListen } from "../../../server/port-check.ts";

const lowest = 20_000;
const highest = 32_000;
const attempts = 50;

/** @returns the first of `count` free ports in a row */
export async function findPorts(count: number): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const first = randomInt(lowest, highest - count);
    const ports = Array.from({ length: count }, (_, position) => first + position);
    const refusals = await Promise.all(ports.map((port) => refusalToListen({ host: "127.0.0.1", port })));
    if (refusals.every((refusal) => refusal === null)) return first;
  }
  throw new Error(`No ${count} free ports in a row between ${lowest} and ${highest}`);
}
