// Where the group's manager spends its time under a load of 64 puts in flight, by V8's sampling profiler: the functions and
// the modules with the most time of their own.

import { mkdir, readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { startProduct } from "./product/start.ts";
import { runRounds } from "./rounds.ts";
import type { Stage } from "./stage.ts";

const inFlight = 64;
const functionsShown = 30;
const pace = { rounds: 1, warmUpMs: 3_000, rampMs: 0, measureMs: 10_000 } as const;
const repository = fileURLToPath(new URL("..", import.meta.url));

/** What V8 writes. */
interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Ids of nodes, one a sample. */
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

/**
 * @param directory for the profiles; made where there is none
 * @returns what to print
 */
export async function profileWrites(stage: Stage, directory: string): Promise<string> {
  const profileDirectory = resolve(directory);
  await mkdir(profileDirectory, { recursive: true });
  const { direct, managerPid } = await startProduct(stage, { profileDirectory });
  const [series] = await runRounds(stage, [{ subject: direct, inFlight: [inFlight] }], pace);
  // A profile is written when its process ends.
  await stage.children.stop();
  const file = await findProfile(profileDirectory, managerPid);
  const profile = JSON.parse(await readFile(file, "utf8")) as CpuProfile;
  return [
    `Manager, ${inFlight} in flight, ${Math.round(series?.samples[0]?.perSecond ?? 0)} writes/s while profiled: ${file}`,
    ...tableOf("module", selfTimes(profile, moduleOf)),
    ...tableOf("function", selfTimes(profile, functionOf)),
  ].join("\n");
}

/** Named CPU.date.time.pid.thread.sequence.cpuprofile. */
async function findProfile(directory: string, pid: number): Promise<string> {
  const names = await readdir(directory);
  const found = names.find((name) => name.endsWith(".cpuprofile") && name.split(".").at(3) === String(pid));
  if (found === undefined) throw new Error(`The manager, process ${pid}, has left no profile in ${directory}`);
  return join(directory, found);
}

/** Microseconds by what `nameOf` says, most first; idle time is left out. */
function selfTimes(profile: CpuProfile, nameOf: (node: ProfileNode) => string): readonly (readonly [string, number])[] {
  const names = new Map(profile.nodes.map((node) => [node.id, isIdle(node) ? null : nameOf(node)]));
  const times = new Map<string, number>();
  for (const [position, id] of profile.samples.entries()) {
    const name = names.get(id);
    if (name) times.set(name, (times.get(name) ?? 0) + (profile.timeDeltas[position] ?? 0));
  }
  return [...times].toSorted(([, left], [, right]) => right - left);
}

function isIdle({ callFrame }: ProfileNode): boolean {
  return callFrame.functionName === "(idle)";
}

function functionOf(node: ProfileNode): string {
  const { functionName, lineNumber } = node.callFrame;
  return `${functionName || "(anonymous)"}  ${fileOf(node)}${lineNumber < 0 ? "" : `:${lineNumber + 1}`}`;
}

/** A package, a part of Node.js, or a folder of the product. */
function moduleOf(node: ProfileNode): string {
  const file = fileOf(node);
  if (file === "") return node.callFrame.functionName;
  if (file.startsWith("node:")) return file.split("/").slice(0, 2).join("/");
  const inPackage = file.split("node_modules/").at(-1);
  if (inPackage !== undefined && inPackage !== file) {
    return inPackage
      .split("/")
      .slice(0, inPackage.startsWith("@") ? 2 : 1)
      .join("/");
  }
  return file.split("/").slice(0, -1).join("/");
}

function fileOf({ callFrame: { url } }: ProfileNode): string {
  if (!url.startsWith("file:")) return url;
  const path = fileURLToPath(url);
  return path.startsWith(repository) ? path.slice(repository.length) : path;
}

function tableOf(title: string, times: readonly (readonly [string, number])[]): readonly string[] {
  const total = times.reduce((sum, [, time]) => sum + time, 0);
  const rows = times
    .slice(0, functionsShown)
    .map(([name, time]) => `${((100 * time) / total).toFixed(1).padStart(6)} %  ${name}`);
  return ["", `Self time by ${title}, of ${Math.round(total / 1_000)} ms`, ...rows];
}
