// An application for tests of recovery: a foreground program that tells of its life in one file that all of its kind share, and
// trips over whoever runs in the same group at the same time. Here also what reads that file.

import { chmodSync, closeSync, fstatSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Each line is one write: `word group node epoch uptime pid`. The lock goes with the process, however that ends; what it starts
 * must not inherit it. Pauses are waited for, so that SIGTERM is heard at once.
 */
const program = `#!/bin/sh
tell() {
  read -r up _ < /proc/uptime
  echo "$1 $BAILIWICK_GROUP $BAILIWICK_NODE $BAILIWICK_EPOCH $up $$" >> "$log"
}
log="$1/lives"
exec 9>> "$1/$BAILIWICK_GROUP.lock"
trap 'tell stopping; tell stop; exit 0' TERM
tell start
flock -n 9 || tell overlap
tell ready
while :; do
  sleep 0.1 9>&- &
  wait $!
  tell beat
done
`;

/** Writes the program. @returns its path, to be started with the directory as its argument */
export function writeApplication(directory: string): string {
  const file = join(directory, "application");
  writeFileSync(file, program);
  chmodSync(file, 0o755);
  writeFileSync(join(directory, "lives"), "");
  return file;
}

/** One process of an application. Times by the clock that counts suspend, in steps of 10 ms. */
export interface Life {
  readonly group: string;
  readonly node: string;
  readonly epoch: number;
  readonly pid: number;
  readonly startMs: number;
  /** Of the last line that it has written: it lived at least so long. */
  lastMs: number;
  /** Since when it does its work; null: not yet. */
  readyMs: number | null;
  /** When it heard that it is to stop; null: it has not. */
  stoppingMs: number | null;
  /** It was told to stop, and has. */
  hasStopped: boolean;
  /** Another one of its group lived when it began. */
  hasTripped: boolean;
}

/** Milliseconds since the machine was started, as the applications tell them. */
export function uptimeMs(): number {
  return toMs(readFileSync("/proc/uptime", "latin1").split(" ")[0] ?? "");
}

/** All lives so far; what was read once is not read again. */
export class Lives {
  readonly #file: number;
  #offset = 0;
  #rest = "";
  readonly #all: Life[] = [];
  readonly #byPid = new Map<number, Life>();

  constructor(directory: string) {
    this.#file = openSync(join(directory, "lives"), "r");
  }

  close(): void {
    closeSync(this.#file);
  }

  /** In the order of their starts. */
  all(): readonly Life[] {
    const bytes = Buffer.alloc(fstatSync(this.#file).size - this.#offset);
    this.#offset += readSync(this.#file, bytes, 0, bytes.length, this.#offset);
    const lines = (this.#rest + bytes.toString("latin1")).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#take(line);
    return this.#all;
  }

  of(group: string): readonly Life[] {
    return this.all().filter((life) => life.group === group);
  }

  #take(line: string): void {
    const [word = "", group = "", node = "", epoch = "", uptime = "", pidText = ""] = line.split(" ");
    const pid = Number(pidText);
    const atMs = toMs(uptime);
    if (word === "start") {
      const life = { group, node, epoch: Number(epoch), pid, startMs: atMs, lastMs: atMs };
      this.#byPid.set(pid, { ...life, readyMs: null, stoppingMs: null, hasStopped: false, hasTripped: false });
      this.#all.push(this.#mustHave(pid, line));
      return;
    }
    const life = this.#mustHave(pid, line);
    life.lastMs = atMs;
    if (word === "ready") life.readyMs = atMs;
    if (word === "stopping") life.stoppingMs = atMs;
    if (word === "stop") life.hasStopped = true;
    if (word === "overlap") life.hasTripped = true;
  }

  #mustHave(pid: number, line: string): Life {
    const life = this.#byPid.get(pid);
    if (life === undefined) throw new Error(`Of a process that has not begun: ${line}`);
    return life;
  }
}

/**
 * Pairs of lives that overlap. A life that was killed counts up to its last line, a tenth of a second before its end at most
 * (more where the machine is busy): what the lock sees is exact, and this is what shows where both ran.
 */
export function overlapsOf(lives: readonly Life[]): readonly string[] {
  const overlaps = lives
    .filter(({ hasTripped }) => hasTripped)
    .map((life) => `${describeLife(life)} met the one before`);
  const latest = new Map<string, Life>();
  for (const life of lives.toSorted((left, right) => left.startMs - right.startMs)) {
    const before = latest.get(life.group);
    if (before !== undefined && life.startMs < before.lastMs) {
      overlaps.push(`${describeLife(life)} began before the end of ${describeLife(before)}`);
    }
    if (before === undefined || before.lastMs < life.lastMs) latest.set(life.group, life);
  }
  return overlaps;
}

export function describeLife({ group, node, epoch, pid, startMs, lastMs }: Life): string {
  return `${group} on ${node} under ${epoch} as ${pid}, ${startMs} to ${lastMs}`;
}

function toMs(seconds: string): number {
  return Math.round(Number(seconds) * 1_000);
}
