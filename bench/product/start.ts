// Starts the product: three nodes that own one group, each by `bailiwick serve` in a process of its own, as an operator would
// start them; and finds out which of them manages the group.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createNodeKey } from "../../server/adapters/node-key.ts";
import { freePorts } from "../free-ports.ts";
import type { Puts } from "../put-client.ts";
import { type Stage, unlessAborted } from "../stage.ts";
import type { Subject } from "../subject.ts";
import { workload } from "../workload.ts";
import { askManager } from "./ask-manager.ts";

const program = fileURLToPath(new URL("../../server/main.ts", import.meta.url));
const readyPatienceMs = 40_000;
const askIntervalMs = 200;

export interface Product {
  /** Puts go to the group's manager. */
  readonly direct: Subject;
  /** Puts go to another owner, which forwards them. */
  readonly forwarded: Subject;
}

interface Member {
  readonly node: string;
  readonly identity: string;
  readonly peer: string;
  readonly api: string;
  readonly directory: string;
}

/** @param profileDirectory where the nodes leave CPU profiles when they end; null: nowhere */
export async function startProduct(stage: Stage, profileDirectory: string | null): Promise<Product> {
  const members = await prepareMembers(stage.directory);
  const pids = await Promise.all(members.map((member) => startMember(stage, member, profileDirectory)));
  const manager = await waitForManager(members, stage.signal);
  stage.progress(`${manager} manages the group`);
  const check = async ({ acknowledged, newestRevision }: Puts) => {
    // Revision 1 is the empty store, and every put makes one more.
    if (newestRevision <= acknowledged)
      throw new Error(`${acknowledged} puts made only ${newestRevision - 1} revisions`);
    const now = await askManager(apiOf(members, manager), workload.group);
    if (now !== manager)
      throw new Error(`The group's manager was ${manager} and is ${now}: the figures are of neither`);
  };
  const other = members.find(({ node }) => node !== manager);
  const leaderPid = pids[members.findIndex(({ node }) => node === manager)] ?? 0;
  return {
    direct: { name: "product", endpoint: apiOf(members, manager), pids, leaderPid, check },
    forwarded: { name: "product, forwarded", endpoint: other?.api ?? "", pids, leaderPid, check },
  };
}

async function prepareMembers(parent: string): Promise<readonly Member[]> {
  const names = ["n1", "n2", "n3"];
  const ports = await freePorts(names.length * 2);
  const members = await Promise.all(
    names.map(async (node, at) => {
      const directory = join(parent, node);
      const { identity } = await createNodeKey(join(directory, "node.key"));
      const [peer, api] = [`127.0.0.1:${ports[2 * at]}`, `127.0.0.1:${ports[2 * at + 1]}`];
      return { node, identity, peer, api, directory };
    }),
  );
  const cluster = clusterFile(members);
  for (const { node, directory } of members) {
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, "cluster.yaml"), cluster);
    await writeFile(join(directory, "node.yaml"), `node: ${node}\nlogLevel: warn\n`);
  }
  return members;
}

function clusterFile(members: readonly Member[]): string {
  const nodes = members.map(
    ({ node, identity, peer, api }) =>
      `  - {name: ${node}, identity: ${identity}, peerAddresses: ["${peer}"], apiAddress: "${api}"}`,
  );
  const owners = members.map(({ node }) => node).join(", ");
  return ["name: bench", "nodes:", ...nodes, "groups:", `  - {name: ${workload.group}, owners: [${owners}]}`, ""].join(
    "\n",
  );
}

async function startMember(stage: Stage, member: Member, profileDirectory: string | null): Promise<number> {
  const { pid } = stage.children.start({
    name: member.node,
    args: [program, "serve", "-c", join(member.directory, "node.yaml"), "--stop-with-stdin"],
    tie: "stdin",
    profileDirectory,
  });
  if (pid === undefined) throw new Error(`Node ${member.node} was not started`);
  return pid;
}

/** Until all owners name the first of them, which has precedence: any other would hand leadership over to it later. */
async function waitForManager(members: readonly Member[], signal: AbortSignal): Promise<string> {
  const giveUpAtMs = performance.now() + readyPatienceMs;
  const preferred = members[0]?.node ?? "";
  for (;;) {
    const answers = await unlessAborted(Promise.all(members.map(({ api }) => askManager(api, workload.group))), signal);
    if (answers.every((answer) => answer === preferred)) return preferred;
    if (performance.now() > giveUpAtMs) throw new Error(`The owners name as manager: ${answers.join(", ")}`);
    await sleep(askIntervalMs, undefined, { signal });
  }
}

function apiOf(members: readonly Member[], node: string): string {
  const member = members.find((one) => one.node === node);
  if (member === undefined) throw new Error(`"${node}" is none of the nodes`);
  return member.api;
}
