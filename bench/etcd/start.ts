// Starts etcd as Debian's `etcd-server` installs it: three servers with fresh data on the same disk, synced as they are by
// default; and finds out which of them leads. Puts go to that one, which spares etcd the way over another member.

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePorts } from "../free-ports.ts";
import { callUnary, openChannel } from "../put-client.ts";
import { type Stage, unlessAborted } from "../stage.ts";
import type { Subject } from "../subject.ts";
import { type Status, statusMethod } from "./methods.ts";

const names = ["n1", "n2", "n3"];
const readyPatienceMs = 40_000;
const askPatienceMs = 2_000;
const askIntervalMs = 200;

interface Member {
  readonly name: string;
  /** host:port */
  readonly client: string;
  readonly peer: string;
}

/** @returns null when it is not installed */
export function findEtcd(): string | null {
  const directories = (process.env["PATH"] ?? "").split(delimiter);
  return directories.map((directory) => join(directory, "etcd")).find(isExecutable) ?? null;
}

/** @param executable as `findEtcd` says */
export async function startEtcd(stage: Stage, executable: string): Promise<Subject> {
  const members = await chooseMembers();
  const pids = members.map((member) => startMember(stage, executable, { member, members }));
  const { leader, version } = await waitForLeader(members, stage.signal);
  stage.progress(`etcd ${version}: ${leader.name} leads`);
  return {
    name: "etcd",
    endpoint: leader.client,
    pids,
    leaderPid: pids[members.indexOf(leader)] ?? 0,
    check: async ({ acknowledged, newestRevision }) => {
      // Revision 1 is the empty store, and every put makes one more.
      if (newestRevision <= acknowledged) {
        throw new Error(`${acknowledged} puts to etcd made only ${newestRevision - 1} revisions`);
      }
      const now = await askStatus(leader);
      if (now === null || now.leader !== now.member) throw new Error(`${leader.name} of etcd leads no more`);
    },
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function chooseMembers(): Promise<readonly Member[]> {
  const ports = await freePorts(2 * names.length);
  return names.map((name, at) => {
    return { name, client: `127.0.0.1:${ports[2 * at]}`, peer: `127.0.0.1:${ports[2 * at + 1]}` };
  });
}

function startMember(
  stage: Stage,
  executable: string,
  { member, members }: { readonly member: Member; readonly members: readonly Member[] },
): number {
  const cluster = members.map(({ name, peer }) => `${name}=http://${peer}`).join(",");
  const flags = {
    name: member.name,
    "data-dir": join(stage.directory, `etcd-${member.name}`),
    "listen-client-urls": `http://${member.client}`,
    "advertise-client-urls": `http://${member.client}`,
    "listen-peer-urls": `http://${member.peer}`,
    "initial-advertise-peer-urls": `http://${member.peer}`,
    "initial-cluster": cluster,
    "initial-cluster-state": "new",
    "log-level": "error",
  };
  const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
  const { pid } = stage.children.startProgram({ name: `etcd-${member.name}`, executable, args });
  if (pid === undefined) throw new Error(`etcd ${member.name} was not started`);
  return pid;
}

/** Until all members name the same leader. */
async function waitForLeader(
  members: readonly Member[],
  signal: AbortSignal,
): Promise<{ readonly leader: Member; readonly version: string }> {
  const giveUpAtMs = performance.now() + readyPatienceMs;
  for (;;) {
    const answers = await unlessAborted(Promise.all(members.map(askStatus)), signal);
    const named = answers[0]?.leader ?? "0";
    const leader = members[answers.findIndex((answer) => answer?.member === named)];
    const isAgreed = answers.every((answer) => answer?.leader === named);
    if (isAgreed && leader !== undefined) return { leader, version: answers[0]?.version ?? "" };
    if (performance.now() > giveUpAtMs) throw new Error("The members of etcd do not agree on a leader");
    await sleep(askIntervalMs, undefined, { signal });
  }
}

async function askStatus({ client }: Member): Promise<Status | null> {
  const channel = openChannel(client);
  try {
    return await callUnary(channel, statusMethod, null, askPatienceMs);
  } catch {
    return null;
  } finally {
    channel.close();
  }
}
