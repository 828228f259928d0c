// Who is measured, called how, under how many loads, and who is compared with whom.

import { startCeiling } from "./ceiling/start.ts";
import { StreamClient } from "./ceiling/stream-client.ts";
import { EtcdClient } from "./etcd/etcd-client.ts";
import { findEtcd, startEtcd } from "./etcd/start.ts";
import type { WriteOptions } from "./options.ts";
import { SessionClient } from "./product/session-client.ts";
import { startProduct } from "./product/start.ts";
import type { Pair } from "./report.ts";
import type { Entrant } from "./rounds.ts";
import type { Stage } from "./stage.ts";
import { UnaryClient } from "./unary-client.ts";

export const entrantNames = {
  session: "product, session",
  unary: "product, unary",
  forwarded: "product, forwarded unary",
  ceiling: "ceiling, stream",
  ceilingUnary: "ceiling, unary",
  gossip: "ceiling, stream by gossip",
  etcd: "etcd, unary",
} as const;

const { session, unary, forwarded, ceiling, ceilingUnary, gossip, etcd } = entrantNames;

export const comparedPairs: readonly Pair[] = [
  { entrant: session, to: ceiling },
  { entrant: session, to: etcd },
  { entrant: unary, to: ceilingUnary },
  { entrant: unary, to: etcd },
  { entrant: forwarded, to: ceilingUnary },
  { entrant: gossip, to: ceiling },
];

const pipelinedLoads = [1, 64, 256];
const unaryLoads = [1, 64];
/** One load is enough to tell what the way over another node costs. */
const forwardedLoads = [64];

const toUnary = (endpoint: string) => new UnaryClient(endpoint);
const toStream = (endpoint: string) => new StreamClient(endpoint);

/** In the order of their turns: those that are compared come one after the other. */
export async function startEntrants(stage: Stage, options: WriteOptions): Promise<readonly Entrant[]> {
  const { only } = options;
  const product = only === null || only === "product" ? await productEntrants(stage) : [];
  const peers = only === null || only === "etcd" ? await etcdEntrants(stage) : [];
  const own = only === null || only === "ceiling" ? await ceilingEntrants(stage, options) : [];
  const order = [ceiling, session, etcd, unary, ceilingUnary, forwarded, gossip];
  return [...product, ...peers, ...own].toSorted((left, right) => order.indexOf(left.name) - order.indexOf(right.name));
}

type Named = Entrant & { readonly name: (typeof entrantNames)[keyof typeof entrantNames] };

async function productEntrants(stage: Stage): Promise<readonly Named[]> {
  stage.progress("starting the product: three nodes, one group");
  const product = await startProduct(stage, null);
  const toSession = (endpoint: string) => new SessionClient(endpoint);
  return [
    { name: session, subject: product.direct, client: toSession, inFlight: pipelinedLoads },
    { name: unary, subject: product.direct, client: toUnary, inFlight: unaryLoads },
    { name: forwarded, subject: product.forwarded, client: toUnary, inFlight: forwardedLoads },
  ];
}

async function ceilingEntrants(stage: Stage, options: WriteOptions): Promise<readonly Named[]> {
  stage.progress("starting the ceiling: a leader and two followers");
  const subject = await startCeiling(stage, { spread: "stream", profileDirectory: null });
  const direct: readonly Named[] = [
    { name: ceiling, subject, client: toStream, inFlight: pipelinedLoads },
    { name: ceilingUnary, subject, client: toUnary, inFlight: unaryLoads },
  ];
  if (!options.gossip) return direct;
  const published = await startCeiling(stage, { spread: "gossip", profileDirectory: null });
  return [...direct, { name: gossip, subject: published, client: toStream, inFlight: pipelinedLoads }];
}

async function etcdEntrants(stage: Stage): Promise<readonly Named[]> {
  const executable = findEtcd();
  if (executable === null) {
    stage.progress("etcd is not installed (Debian's etcd-server): it is left out");
    return [];
  }
  stage.progress("starting etcd: three servers");
  const subject = await startEtcd(stage, executable);
  return [{ name: etcd, subject, client: (endpoint) => new EtcdClient(endpoint), inFlight: pipelinedLoads }];
}
