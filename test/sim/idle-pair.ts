// What two idle nodes cost that share many groups: what they say, and the time of the processor.
//   node test/sim/idle-pair.ts 200

import { decodeEnvelope, encodeEnvelope } from "../../proto/codec/envelope.ts";
import { toGroupId, toNodeId } from "../../proto/ids.ts";
import type { Envelope } from "../../proto/messages.ts";
import { createBoot } from "../../server/simulation/boot.ts";
import { plainBootstrap } from "../../server/simulation/reference-topology.ts";
import { World } from "../../server/simulation/world.ts";

const settlingMs = 20_000;

export interface IdlePairReport {
  /** Beats and their echoes. */
  readonly beats: number;
  readonly beatBytes: number;
  /** Of all messages. */
  readonly bytes: number;
  /** Of both nodes together, the simulator's own included. */
  readonly cpuMs: number;
}

/** Two nodes own `groups` groups together, and nobody uses them. @param seconds of virtual time */
export function measureIdlePair(groups: number, seconds: number): IdlePairReport {
  const nodes = [toNodeId("n1"), toNodeId("n2")];
  const owned = Array.from({ length: groups }, (_, position) => [toGroupId(`group-${position + 1}`), nodes] as const);
  const bootstrap = plainBootstrap(nodes, owned, nodes.slice(0, 1));
  let [beats, beatBytes, bytes] = [0, 0, 0];
  const carry = (envelope: Envelope) => {
    const frame = encodeEnvelope(envelope);
    const isBeat = envelope.message.type === "beat" || envelope.message.type === "beatEcho";
    beats += isBeat ? 1 : 0;
    beatBytes += isBeat ? frame.byteLength : 0;
    bytes += frame.byteLength;
    return decodeEnvelope(frame);
  };
  const world = new World({ seed: 1, cluster: bootstrap.cluster, nodes, boot: createBoot(bootstrap), carry });
  for (const node of world.nodes) node.start();
  world.runFor(settlingMs);
  [beats, beatBytes, bytes] = [0, 0, 0];
  const before = process.cpuUsage();
  world.runFor(seconds * 1_000);
  const { user, system } = process.cpuUsage(before);
  return { beats, beatBytes, bytes, cpuMs: (user + system) / 1_000 };
}

if (import.meta.main) {
  const groups = Number(process.argv[2] ?? 200);
  const seconds = 60;
  const { beats, beatBytes, bytes, cpuMs } = measureIdlePair(groups, seconds);
  const [beating, all, cpu] = [beatBytes, bytes, cpuMs].map((sum) => (sum / seconds).toFixed(1));
  process.stdout.write(
    `${groups} groups, a second: ${beats / seconds} beats of ${beating} bytes together, ${all} bytes in all, ${cpu} ms of CPU\n`,
  );
}
