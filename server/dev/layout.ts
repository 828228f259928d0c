// The directory of a `dev` cluster. Made once, from a cluster file in which addresses and identities may be missing; used
// again only for the same cluster.
//
//   DIR/cluster.yaml          complete; written last, so that a directory without it is not in use
//   DIR/<node>/node.key       node.yaml  data/  node.log  process.json

import { mkdir, readdir, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DbError, failure } from "../../proto/errors.ts";
import type { NodeRecord } from "../../proto/model.ts";
import { createNodeKey, readNodeKey } from "../adapters/node-key.ts";
import { isLoopback, parseAddress } from "../config/address.ts";
import { type Bootstrap, parseBootstrap } from "../config/bootstrap.ts";
import { type ClusterFile, type FileNode, readClusterFile } from "../config/cluster-file.ts";
import { readTextFile } from "../config/read-file.ts";
import { YamlSource } from "../config/yaml-source.ts";
import { toYaml } from "../config/yaml-text.ts";
import { refusalToListen } from "../port-check.ts";

export interface LayoutOptions {
  readonly directory: string;
  /** The cluster file as its user wrote it. */
  readonly clusterFile: { readonly file: string; readonly text: string };
  /** Ports of nodes without addresses, counted up in the order of the file. */
  readonly apiPort: number;
  readonly peerPort: number;
}

export interface Layout {
  readonly directory: string;
  /** In the order of the file. */
  readonly nodes: readonly NodeRecord[];
}

function clusterFileOf(directory: string): string {
  return join(directory, "cluster.yaml");
}

/** A file of a node: `node.key`, `node.yaml`, `node.log`, `process.json`, or the directory `data`. */
export function nodeFile(directory: string, node: string, name: string): string {
  return join(directory, node, name);
}

/** @throws {DbError} `not_found` when no `dev` cluster was made there */
export async function readLayout(directory: string): Promise<Layout> {
  const file = clusterFileOf(directory);
  if (!(await isThere(file))) {
    throw new DbError(
      failure("not_found", `No cluster in ${directory}: \`bailiwick dev --data ${directory}\` makes one`),
    );
  }
  return toLayout(directory, await readTextFile(file));
}

/**
 * Makes the directory, or finds that it is already there for this very cluster.
 *
 * @throws {DbError} `invalid_argument` for a bad cluster file; `condition_failed` for a directory of another cluster or
 *   with other content, and for a port in use: then nothing was made
 */
export async function makeLayout(options: LayoutOptions): Promise<Layout> {
  const { directory, clusterFile } = options;
  const source = YamlSource.parse(clusterFile.file, clusterFile.text);
  const wanted = withAddresses(readClusterFile(source), options);
  if (await isThere(clusterFileOf(directory))) return reuseLayout(options, wanted);
  await refuseContent(directory, wanted);
  await refuseTakenPorts(wanted);
  const text = toYaml(await withKeys(directory, wanted));
  const layout = toLayout(directory, text);
  for (const { node } of layout.nodes) await writeFile(nodeFile(directory, node, "node.yaml"), nodeYaml(node));
  await writeFile(`${clusterFileOf(directory)}.new`, text);
  await rename(`${clusterFileOf(directory)}.new`, clusterFileOf(directory));
  return layout;
}

async function reuseLayout({ directory, clusterFile }: LayoutOptions, wanted: ClusterFile): Promise<Layout> {
  const file = clusterFileOf(directory);
  const text = await readTextFile(file);
  const before = parseBootstrap(file, text);
  const identities = new Map(before.nodes.map(({ node, identity }) => [node as string, identity]));
  const nodes = wanted.nodes.map((node) => ({ ...node, identity: node.identity ?? identities.get(node.name) }));
  if (isSame(before, { ...wanted, nodes } as ClusterFile)) return toLayout(directory, text);
  const message =
    `Directory ${directory} belongs to another cluster than ${clusterFile.file} describes with these ports; ` +
    "give another --data, or the file and ports that it was made with";
  throw new DbError(failure("condition_failed", message, { field: "data" }));
}

function isSame(before: Bootstrap, wanted: ClusterFile): boolean {
  if (wanted.nodes.some((node) => node.identity === undefined)) return false;
  return parseBootstrap("cluster.yaml", toYaml(wanted)).cluster === before.cluster;
}

function withAddresses(file: ClusterFile, { apiPort, peerPort, clusterFile }: LayoutOptions): ClusterFile {
  const nodes = file.nodes.map((node, position) => ({
    ...node,
    peerAddresses: node.peerAddresses ?? [addressAt(peerPort + position, node.name, "peer")],
    apiAddress: node.apiAddress ?? addressAt(apiPort + position, node.name, "api"),
  }));
  for (const node of nodes) {
    const far = addressesOf(node).find((text) => !isLoopback(parseAddress(text)?.host ?? ""));
    if (far === undefined) continue;
    const message = `${clusterFile.file}: ${far} of node "${node.name}" is not of this machine's loopback, where \`dev\` runs`;
    throw new DbError(failure("invalid_argument", message, { node: node.name }));
  }
  return { ...file, nodes };
}

/** @throws {DbError} `invalid_argument` when counting up from the first port went too far */
function addressAt(port: number, node: string, use: "api" | "peer"): string {
  if (port <= 65_535) return `127.0.0.1:${port}`;
  const message = `The ${use} port of node "${node}" would be ${port}, above 65535: give a lower --${use}-port`;
  throw new DbError(failure("invalid_argument", message, { node }));
}

function addressesOf({ peerAddresses, apiAddress }: FileNode): readonly string[] {
  return [...(peerAddresses ?? []), ...(apiAddress === undefined ? [] : [apiAddress])];
}

/** Somebody's home directory, named by mistake, is not filled with nodes. */
async function refuseContent(directory: string, { nodes }: ClusterFile): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  const ours = new Set(nodes.map(({ name }) => name));
  const other = names.find((name) => !ours.has(name) && name !== "cluster.yaml.new");
  if (other === undefined) return;
  const message = `Directory ${directory} holds ${other}, which is of no node of this cluster; give an empty --data`;
  throw new DbError(failure("condition_failed", message, { field: "data" }));
}

async function refuseTakenPorts({ nodes }: ClusterFile): Promise<void> {
  for (const node of nodes) {
    for (const text of addressesOf(node)) {
      const address = parseAddress(text);
      const refusal = address === null ? "it is no address" : await refusalToListen(address);
      if (refusal === null) continue;
      const message = `Node ${node.name} cannot listen on ${text}: ${refusal}; give other ports with --api-port and --peer-port`;
      throw new DbError(failure("condition_failed", message, { node: node.name }));
    }
  }
}

async function withKeys(directory: string, file: ClusterFile): Promise<ClusterFile> {
  const nodes: FileNode[] = [];
  for (const node of file.nodes) {
    const identity = await makeKey(directory, node.name);
    if (node.identity !== undefined && node.identity !== identity) {
      const message = `Node "${node.name}" has an identity in the cluster file, but \`dev\` makes its keys itself; leave it out`;
      throw new DbError(failure("invalid_argument", message, { node: node.name }));
    }
    nodes.push({ ...node, identity });
  }
  return { ...file, nodes };
}

/** A key that an earlier attempt left is used. */
async function makeKey(directory: string, node: string): Promise<string> {
  const file = nodeFile(directory, node, "node.key");
  await mkdir(join(directory, node), { recursive: true, mode: 0o700 });
  const key = (await isThere(file)) ? await readNodeKey(file) : await createNodeKey(file);
  return key.identity;
}

function toLayout(directory: string, text: string): Layout {
  const file = clusterFileOf(directory);
  const order = readClusterFile(YamlSource.parse(file, text)).nodes.map(({ name }) => name);
  const { nodes } = parseBootstrap(file, text);
  return { directory, nodes: nodes.toSorted((left, right) => order.indexOf(left.node) - order.indexOf(right.node)) };
}

function nodeYaml(node: string): string {
  return toYaml({ node, bootstrap: "../cluster.yaml", dataDir: "data", keyFile: "node.key" });
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
