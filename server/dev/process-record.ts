// Which process runs a node of a `dev` cluster, in a file beside its data. A process is its number and the moment of its
// start: numbers are used again, and nobody else's process must ever get a signal of ours.

import { execFile } from "node:child_process";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { promisify } from "node:util";

export interface ProcessRecord {
  readonly pid: number;
  /** Of the system, to be compared only. */
  readonly startedAt: string;
}

/** @returns null when no such process lives */
export async function readStart(pid: number): Promise<string | null> {
  return process.platform === "linux" ? readLinuxStart(pid) : askForStart(pid);
}

/** @returns null without a record, and when its process has ended */
export async function findProcess(file: string): Promise<ProcessRecord | null> {
  const record = await readRecord(file);
  if (record === null) return null;
  return (await readStart(record.pid)) === record.startedAt ? record : null;
}

export async function writeRecord(file: string, record: ProcessRecord): Promise<void> {
  await writeFile(`${file}.new`, `${JSON.stringify(record)}\n`);
  await rename(`${file}.new`, file);
}

export async function removeRecord(file: string): Promise<void> {
  await rm(file, { force: true });
}

async function readRecord(file: string): Promise<ProcessRecord | null> {
  try {
    const { pid, startedAt } = JSON.parse(await readFile(file, "utf8")) as Partial<ProcessRecord>;
    if (!Number.isSafeInteger(pid) || (pid as number) <= 1 || typeof startedAt !== "string") return null;
    return { pid: pid as number, startedAt };
  } catch {
    return null;
  }
}

/** Start in clock ticks since the machine's, with the identity of that; a zombie has ended. */
async function readLinuxStart(pid: number): Promise<string | null> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, "utf8");
    // After the name in parentheses: state is the first field, the start the twentieth.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const machine = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    return fields[0] === "Z" ? null : `${machine.trim()} ${fields[19]}`;
  } catch {
    return null;
  }
}

async function askForStart(pid: number): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)("ps", ["-o", "stat=,lstart=", "-p", String(pid)]);
    const [state, ...start] = stdout.trim().split(/\s+/);
    return state === undefined || state.startsWith("Z") ? null : start.join(" ");
  } catch {
    return null;
  }
}
