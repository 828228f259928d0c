// Where the leading process, the group's manager or the leader of the ceiling, spends its time under a load of 64 puts in flight, by V8's sampling profiler: the modules and
// the functions with the most time of their own. Starting and warming up are left out, and so is idle time.

import { mkdir, readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { startCeiling } from "./ceiling/start.ts";
import { StreamClient } from "./ceiling/stream-client.ts";
import { measureLoad } from "./load.ts";
import type { WriteOptions } from "./options.ts";
import { SessionClient } from "./product/session-client.ts";
import { startProduct } from "./product/start.ts";
import { type CpuProfile, type Frame, type SelfTime, selfTimes } from "./profile/self-times.ts";
import type { PutClient } from "./put-client.ts";
import { type Stage, unlessAborted } from "./stage.ts";
import type { Subject } from "./subject.ts";
import { UnaryClient } from "./unary-client.ts";

const inFlight = 64;
const warmUpMs = 4_000;
const measureMs = 10_000;
const rowsShown = 40;

/**
 * @param directory for the profiles; made where there is none
 * @returns what to print
 */
export async function profileWrites(
  stage: Stage,
  directory: string,
  { only, unary }: Pick<WriteOptions, "only" | "unary">,
): Promise<string> {
  const side = only ?? "product";
  const profileDirectory = resolve(directory);
  await mkdir(profileDirectory, { recursive: true });
  const subject =
    side === "product"
      ? (await startProduct(stage, profileDirectory)).direct
      : await startCeiling(stage, { spread: "stream", profileDirectory });
  const { perSecond, fromUs, toUs } = await loadSubject(stage, subject, clientOf(subject, side, unary));
  // A profile is written when its process ends.
  await stage.children.stop();
  const file = await findProfile(profileDirectory, subject.leaderPid);
  const profile = JSON.parse(await readFile(file, "utf8")) as CpuProfile;
  const busy = selfTimes(profile, { fromUs, toUs }).filter(({ frame }) => frame.name !== "(idle)");
  const busyShare = busy.reduce((sum, { us }) => sum + us, 0) / (toUs - fromUs);
  const writes = (perSecond * (toUs - fromUs)) / 1e6;
  return [
    `Leading process of the ${side}, ${inFlight} puts in flight: ${Math.round(perSecond)} writes/s while profiled, its main thread ` +
      `busy for ${Math.round(100 * busyShare)} % of the time; microseconds are per write`,
    `Open ${file} in a browser's developer tools for the rest`,
    ...tableOf("module", sumBy(busy, moduleOf), writes),
    ...tableOf("function", sumBy(busy, functionOf), writes),
  ].join("\n");
}

/** When the load was on, on the clock of the profiles, which is that of `process.hrtime`. */
async function loadSubject(
  stage: Stage,
  subject: Subject,
  client: PutClient,
): Promise<{ perSecond: number; fromUs: number; toUs: number }> {
  try {
    await unlessAborted(client.connect(), stage.signal);
    stage.progress("loading it");
    const load = { inFlight, pids: subject.pids, call: () => client.put() };
    await unlessAborted(measureLoad({ ...load, rampMs: 0, measureMs: warmUpMs }, stage.signal), stage.signal);
    const fromUs = nowUs();
    const { perSecond } = await unlessAborted(
      measureLoad({ ...load, rampMs: 0, measureMs }, stage.signal),
      stage.signal,
    );
    return { perSecond, fromUs, toUs: nowUs() };
  } finally {
    client.close();
  }
}

function clientOf({ endpoint }: Subject, side: string, unary: boolean): PutClient {
  if (unary) return new UnaryClient(endpoint);
  return side === "product" ? new SessionClient(endpoint) : new StreamClient(endpoint);
}

function nowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/** Named CPU.date.time.pid.thread.sequence.cpuprofile. */
async function findProfile(directory: string, pid: number): Promise<string> {
  const names = await readdir(directory);
  const found = names.find((name) => name.endsWith(".cpuprofile") && name.split(".").at(3) === String(pid));
  if (found === undefined) throw new Error(`The manager, process ${pid}, has left no profile in ${directory}`);
  return join(directory, found);
}

function functionOf({ frame, script }: SelfTime): string {
  if (frame.file === "") return script === null ? frame.name : `${frame.name} (native) for ${nameOf(script)}`;
  return nameOf(frame);
}

function nameOf({ name, file, line }: Frame): string {
  return `${name}  ${file}:${line}`;
}

/** A package, a part of Node.js, or a folder of the product; native code counts where it was called. */
function moduleOf({ frame, script }: SelfTime): string {
  const { name, file } = frame.file === "" ? (script ?? frame) : frame;
  if (file === "") return name;
  if (file.startsWith("node:")) return file.split("/").slice(0, 2).join("/");
  const inPackage = file.split("node_modules/").slice(1).at(-1);
  if (inPackage === undefined) return file.split("/").slice(0, -1).join("/");
  return inPackage
    .split("/")
    .slice(0, inPackage.startsWith("@") ? 2 : 1)
    .join("/");
}

/** Most first. */
function sumBy(times: readonly SelfTime[], keyOf: (time: SelfTime) => string): readonly (readonly [string, number])[] {
  const sums = new Map<string, number>();
  for (const time of times) sums.set(keyOf(time), (sums.get(keyOf(time)) ?? 0) + time.us);
  return [...sums].toSorted(([, left], [, right]) => right - left);
}

function tableOf(title: string, sums: readonly (readonly [string, number])[], writes: number): readonly string[] {
  const totalUs = sums.reduce((sum, [, us]) => sum + us, 0);
  const row = (key: string, us: number) =>
    `${(us / writes).toFixed(1).padStart(7)} us ${((100 * us) / totalUs).toFixed(1).padStart(6)} %  ${key}`;
  return [
    "",
    `Self time by ${title}`,
    ...sums.slice(0, rowsShown).map(([key, us]) => row(key, us)),
    row("in all", totalUs),
  ];
}
