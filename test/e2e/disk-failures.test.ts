// Real kills and real failures of real disks: at each of more than a hundred synced writes a node ends by SIGKILL, right
// before or right after it; others see EIO and a full file system. Whatever was acknowledged is there after the next start.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Fault, OneNodeArguments } from "./one-node.ts";
import { scriptOf } from "./support/program.ts";
import { createScratch } from "./support/scratch.ts";
import { SmallDisks, skipWithoutMount } from "./support/small-disks.ts";

const script = scriptOf("one-node");
const kills = 104;
/** Of the kills, which each wait for a process to start and to be elected. */
const lanes = 4;
const smallBytes = 16 * 2 ** 20;
const largeBytes = 96 * 2 ** 20;

const disks = new SmallDisks();
const scratch = createScratch("disk-failures");
after(() => scratch.remove());

/** So many starts: what is compiled by one serves the next, but only if it ends by itself. */
const environment = { ...process.env, NODE_COMPILE_CACHE: join(scratch.directory, "compiled") };

interface Run {
  readonly held: Readonly<Record<string, string>>;
  /** Numbers of the writes that were acknowledged. */
  readonly acknowledged: readonly number[];
  readonly fatal: string | null;
  /** By itself, with nothing left to do. */
  readonly isFinished: boolean;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

function runNode(given: OneNodeArguments, tool: readonly string[] = []): Promise<Run> {
  const [command = "", ...args] = [...tool, process.execPath, script, JSON.stringify(given)];
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env: environment });
  const killer = () => child.kill("SIGKILL");
  process.once("exit", killer);
  let text = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  child.stderr.setEncoding("utf8").on("data", (part: string) => {
    errors += part;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      process.off("exit", killer);
      const isExpected = signal === "SIGKILL" || code === 0 || text.includes("fatal ");
      if (isExpected) resolve({ ...parse(text), code, signal });
      else reject(new Error(`${JSON.stringify(given)} ended with ${code ?? signal}: ${errors}`));
    });
  });
}

function parse(text: string): Pick<Run, "held" | "acknowledged" | "fatal" | "isFinished"> {
  // A line without its end was not told.
  const lines = text.split("\n").slice(0, -1);
  const rest = (word: string) =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  return {
    held: JSON.parse(rest("held")[0] ?? "{}") as Run["held"],
    acknowledged: rest("acked").map(Number),
    fatal: rest("fatal")[0] ?? null,
    isFinished: lines.includes("end"),
  };
}

/** One disk over many starts: what was acknowledged on it, and what must be there. */
class Ledger {
  readonly directory: string;
  readonly valueBytes: number;
  readonly #acknowledged = new Set<number>();
  #from = 0;

  constructor(directory: string, valueBytes: number) {
    this.directory = directory;
    this.valueBytes = valueBytes;
    mkdirSync(directory, { recursive: true });
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** Starts the node, checks what it holds and takes down what it acknowledges. */
  async run(writes: number, fault: Fault | null, tool: readonly string[] = []): Promise<Run> {
    const { directory, valueBytes } = this;
    const run = await runNode({ directory, from: this.#from, writes, valueBytes, fault }, tool);
    this.#from += writes;
    const lost = run.isFinished || Object.keys(run.held).length > 0 ? this.#missingIn(run.held) : [];
    assert.deepEqual(lost, [], `after ${JSON.stringify(fault)}`);
    for (const number of run.acknowledged) this.#acknowledged.add(number);
    return run;
  }

  #missingIn(held: Run["held"]): readonly number[] {
    const { valueBytes } = this;
    const startOf = (number: number) => Buffer.alloc(valueBytes, `${number} `).toString("latin1", 0, 16);
    return [...this.#acknowledged].filter((number) => held[`k/${number}`] !== `${valueBytes} ${startOf(number)}`);
  }
}

/** Each store, before and after, at its first synced write, its second, and so on. */
const faults: readonly Fault[] = Array.from({ length: kills }, (_, number) => ({
  store: number % 2 === 0 ? "level" : "hardState",
  what: number % 4 < 2 ? "killBefore" : "killAfter",
  write: 1 + Math.floor(number / 4),
}));

test(`a node killed at each of ${kills} synced writes starts with every acknowledged write`, async () => {
  assert((await new Ledger(join(scratch.directory, "unharmed"), 100).run(1, null)).isFinished);
  const waiting = [...faults];
  let acknowledged = 0;
  const lane = async (number: number) => {
    const ledger = new Ledger(join(scratch.directory, `killed-${number}`), 100);
    for (let fault = waiting.shift(); fault !== undefined; fault = waiting.shift()) {
      const { signal } = await ledger.run(200, fault);
      assert.equal(signal, "SIGKILL", `it was not killed at ${JSON.stringify(fault)}`);
    }
    assert((await ledger.run(1, null)).isFinished);
    acknowledged += ledger.acknowledged;
  };
  await Promise.all(Array.from({ length: lanes }, (_, number) => lane(number)));
  assert(acknowledged > kills, `only ${acknowledged} acknowledged writes`);
});

for (const store of ["level", "hardState"] as const) {
  test(`a write to the ${store} that is reported as failed stops the node, which has all that it acknowledged`, async () => {
    const ledger = new Ledger(join(scratch.directory, `failed-${store}`), 100);
    const { fatal, code } = await ledger.run(200, { store, write: 12, what: "fail" });
    assert.deepEqual([fatal, code], ["Cannot write to the disk: EIO: i/o error, fdatasync", 1]);
    assert(ledger.acknowledged > 0);
    assert((await ledger.run(1, null)).isFinished);
  });
}

/** How each store makes its rows durable: the hard state's writes are synced themselves. */
const syncedBy = { level: "fdatasync", hardState: "pwrite64" } as const;

for (const [store, call] of Object.entries(syncedBy)) {
  test(`EIO of ${call} (${store}), by the system itself, stops the node, which has all that it acknowledged`, async (t) => {
    const refusal = refusalToTrace();
    if (refusal !== null) {
      process.stderr.write(`SKIPPED, EIO by the system was not tested: ${refusal}\n`);
      return t.skip(`no system call can be injected here: ${refusal}`);
    }
    const ledger = new Ledger(join(scratch.directory, `eio-${store}`), 100);
    assert((await ledger.run(20, null)).isFinished);
    for (const count of [8, 17]) {
      const inject = `inject=${call}:error=EIO:when=${count}+`;
      // A traced thread counts its own calls alone, so all writes go through one.
      const tool = ["env", "UV_THREADPOOL_SIZE=1", "strace", "-f", "-qq", "-o", "/dev/null"];
      tool.push("-e", `trace=${call}`, "-e", inject);
      const { fatal, code } = await ledger.run(200, null, tool);
      assert.match(fatal ?? "it went on", /^Cannot write to the disk: .*(?:EIO|Input\/output error)/);
      assert.equal(code, 1);
    }
    assert((await ledger.run(1, null)).isFinished);
  });
}

test("a full file system stops the node, which has all that it acknowledged once there is space", async (t) => {
  const directory = join(scratch.directory, "small");
  const refusal = disks.mount(directory, smallBytes);
  if (refusal !== null) return skipWithoutMount(t, refusal);
  const ledger = new Ledger(directory, 32 * 1024);
  const { fatal, code } = await ledger.run(1_000, null);
  assert.match(fatal ?? "it went on", /ENOSPC|No space left/i);
  assert.equal(code, 1);
  assert(ledger.acknowledged * ledger.valueBytes > smallBytes / 8, `only ${ledger.acknowledged} writes fitted`);
  disks.resize(directory, largeBytes);
  assert((await ledger.run(1, null)).isFinished);
});

/** @returns why strace cannot inject; null: it can */
function refusalToTrace(): string | null {
  const probe = [
    "-f",
    "-qq",
    "-o",
    "/dev/null",
    "-e",
    "trace=fdatasync",
    "-e",
    "inject=fdatasync:error=EIO:when=1",
    "true",
  ];
  const { status, error, stderr } = spawnSync("strace", probe);
  if (status === 0) return null;
  return error?.message ?? (stderr.toString().trim() || `strace ended with ${status}`);
}
