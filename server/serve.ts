// The composition root of a node: opens its data, puts adapters, host and node together, and takes them apart again in an
// order in which nothing is acknowledged that is not durable.

import { randomInt } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { present } from "../proto/assert.ts";
import { decodeEnvelope, encodeEnvelope } from "../proto/codec/envelope.ts";
import { DbError, failure } from "../proto/errors.ts";
import type { NodeId } from "../proto/ids.ts";
import { Counters } from "./adapters/counters.ts";
import { DiskGauge } from "./adapters/disk-gauge.ts";
import { createJournal } from "./adapters/journal.ts";
import { Libp2pNetwork } from "./adapters/libp2p-network.ts";
import { type NodeKey, readNodeKey } from "./adapters/node-key.ts";
import { SystemClock } from "./adapters/system-clock.ts";
import { WallClock } from "./adapters/wall-clock.ts";
import { LocalCalls } from "./api/local-calls.ts";
import { ApiServer } from "./api/server.ts";
import { parseAddress, textOfAddress } from "./config/address.ts";
import type { NodeConfig } from "./config/node-file.ts";
import { Inbox } from "./inbox.ts";
import { formatVersion } from "./node/genesis.ts";
import { Host } from "./node/host.ts";
import { Node } from "./node/node.ts";
import type { Journal, Network, Ports } from "./node/ports.ts";
import { closeStore, type OpenedData, openNodeData } from "./node-data.ts";
import { refusalToListen } from "./port-check.ts";

/** How long calls in flight may take once the node stops, and the groups that it leads to go over to other owners. */
const stopGraceMs = 2_000;
const stopPollMs = 10;
/** An election's deadline and a peer's choice need no more. */
const seedBound = 2 ** 47;

export interface StartOptions {
  readonly config: NodeConfig;
  /** Of the software, for example `0.1.0`. */
  readonly version: string;
  /** The node can go on no longer, and acknowledges nothing any more: its process must end. Called at most once. */
  readonly onFatal: (reason: Error) => void;
  /** Puts something between the node and the network. */
  readonly decorateNetwork?: (network: Network) => Network;
  /** By default on standard error. */
  readonly journal?: Journal;
}

export interface RunningNode {
  readonly node: NodeId;
  /** `host:port` for clients. */
  readonly api: string;
  /** `host:port` for other nodes. */
  readonly peer: string;
  /** Messages that did not get through, by reason. */
  readonly dropped: Counters;
  /**
   * Takes no new calls, answers those in flight for a moment, hands over the groups that it leads where another owner is fit to
   * lead them, lets the write under way finish, releases the files.
   */
  stop(): Promise<void>;
}

/**
 * Starts a node. Whatever fails, nothing is left open.
 *
 * @throws {DbError} as `openNodeData`; `not_found` without a key; `condition_failed` for a key that is not this node's or
 *   this cluster's, and for an address that is in use
 */
export async function startNode(options: StartOptions): Promise<RunningNode> {
  const { config } = options;
  const key = await readOwnKey(config);
  await refuseTaken("peer", config);
  await refuseTaken("api", config);
  const data = await openNodeData(config, key);
  try {
    return await compose(options, key, data);
  } catch (reason) {
    await closeStore(data.store);
    throw reason;
  }
}

async function compose(options: StartOptions, key: NodeKey, data: OpenedData): Promise<RunningNode> {
  const { config, version } = options;
  const { store, image } = data;
  const journal = options.journal ?? createJournal({ node: config.node, level: config.logLevel });
  const inbox = new Inbox();
  const dropped = new Counters();
  const calls = new LocalCalls((input) => inbox.deliver(input));
  const network = await startNetwork({ config, key, boot: image.boot, inbox, dropped, journal });
  const ports: Ports = {
    clock: new SystemClock(),
    disk: store,
    network: options.decorateNetwork?.(network) ?? network,
    answers: calls,
    journal,
    fatal: options.onFatal,
  };
  const { dataDirectory, diskFreeBytesMin, groupsBytesMax } = config;
  const gauge = await DiskGauge.start({ directory: dataDirectory, deliver: (input) => inbox.deliver(input), journal });
  const wallClock = new WallClock((input) => inbox.deliver(input));
  const { leaseRead, voterReplacement } = config.bootstrap;
  const node = new Node({
    image,
    seed: randomInt(seedBound),
    wallOffsetMs: wallClock.offsetMs,
    diskFreeBytesMin,
    groupsBytesMax,
    leaseRead,
    voterReplacement,
  });
  const host = new Host(ports, node);
  inbox.open(host);
  const self = {
    cluster: image.cluster,
    clusterName: config.bootstrap.name,
    node: image.node,
    version,
    runtime: process.version,
    diskFormat: Number(formatVersion),
  };
  const address = textOfAddress(config.listen.api);
  const api = await ApiServer.start({ address, self, calls, journal }).catch(async (reason: unknown) => {
    gauge.stop();
    wallClock.stop();
    host.stop();
    await network.stop();
    throw reason;
  });
  return {
    node: image.node,
    api: api.address,
    peer: textOfAddress({ ...config.listen.peer, port: network.port }),
    dropped,
    stop: async () => {
      const closed = api.close(stopGraceMs);
      inbox.deliver({ type: "stopping" });
      await Promise.all([closed, untilDeparted(node)]);
      gauge.stop();
      wallClock.stop();
      host.stop();
      await network.stop();
      await closeStore(store);
    },
  };
}

/** Others have their answers from the node and another leader, or there was no more time for it. */
async function untilDeparted(node: Node): Promise<void> {
  const endMs = performance.now() + stopGraceMs;
  while (!node.isDeparted && performance.now() < endMs) await delay(stopPollMs);
}

interface NetworkParts {
  readonly config: NodeConfig;
  readonly key: NodeKey;
  readonly boot: OpenedData["image"]["boot"];
  readonly inbox: Inbox;
  readonly dropped: Counters;
  readonly journal: Journal;
}

function startNetwork({ config, key, boot, inbox, dropped, journal }: NetworkParts): Promise<Libp2pNetwork> {
  return Libp2pNetwork.start({
    clusterId: config.bootstrap.cluster,
    self: config.node,
    boot,
    privateKey: key.privateKey,
    listen: config.listen.peer,
    peers: new Map(
      config.bootstrap.nodes.map(({ node, identity, peerAddress }) => {
        return [node, { identity, ...present(parseAddress(peerAddress), `address of ${node}`) }];
      }),
    ),
    codec: { encode: encodeEnvelope, decode: decodeEnvelope },
    deliver: (input) => inbox.deliver(input),
    onDropped: (reason, count) => dropped.add(reason, count),
    journal,
  });
}

async function readOwnKey({ keyFile, node, record, bootstrap, bootstrapFile }: NodeConfig): Promise<NodeKey> {
  const key = await readNodeKey(keyFile);
  if (key.identity !== record.identity) {
    const message = `Key ${keyFile} has the identity ${key.identity}, but ${bootstrapFile} lists ${record.identity} for node ${node}`;
    throw new DbError(failure("condition_failed", message, { node, field: "keyFile" }));
  }
  if (key.cluster !== null && key.cluster !== bootstrap.cluster) {
    const message =
      `Key ${keyFile} belongs to cluster ${key.cluster}, but ${bootstrapFile} describes cluster ${bootstrap.cluster}; ` +
      "a changed bootstrap file is another cluster: put back the file that the cluster was first started with";
    throw new DbError(failure("condition_failed", message, { field: "bootstrap" }));
  }
  return key;
}

/** Before anything is opened or recorded: a second start by mistake must leave no trace. */
async function refuseTaken(field: "peer" | "api", { listen, node }: NodeConfig): Promise<void> {
  const problem = await refusalToListen(listen[field]);
  if (problem === null) return;
  const message = `Node ${node} cannot listen on ${textOfAddress(listen[field])} (${field}): ${problem}`;
  throw new DbError(failure("condition_failed", message, { node, field: `listen.${field}` }));
}
