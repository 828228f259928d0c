// Fresh seeds for as long as wanted, on two cores, and before them in full what `npm test` runs a share of. Each run appends one
// line to test/sim/ledger.jsonl.
//   npm run torture -- consensus|data|recovery|interlocked [--minutes 10] [--seed-from S]
// Ctrl-C ends it early and cleanly. Exit codes: that of the worst failure (see run.ts), 130 when stopped without one.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { exitCodeOfWorst } from "../../server/simulation/exit-codes.ts";
import { describeCommit } from "./commit.ts";
import { type Area, areas } from "./options.ts";
import type { SeedLine } from "./report.ts";
import { Tally } from "./tally.ts";

/** What is run by itself before the seeds. */
const inFull: Readonly<Record<Area, readonly (readonly string[])[]>> = {
  consensus: [],
  brisk: [],
  recovery: [],
  interlocked: [],
  data: [["test/sim/watches.ts"], ["--test", "test/e2e/transfers.test.ts"]],
};
const transfersSeconds = "60";
const processes = 2;
const progressMs = 30_000;
const seedsMax = 1_000_000_000;
/** Two runs that begin within a second share seeds; later ones do not, for no machine runs as many a second. */
const seedsASecond = 1_000;

const runScript = fileURLToPath(new URL("run.ts", import.meta.url));
const ledgerFile = fileURLToPath(new URL("ledger.jsonl", import.meta.url));
const usage = `usage: npm run torture -- NAME [--minutes M] [--seed-from S]     NAME: ${areas.join(", ")}\n`;

interface Arguments {
  readonly name: Area;
  readonly minutes: number;
  readonly seedFrom: number;
}

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const parsed = parse(argv);
  if (parsed === null) {
    process.stderr.write(usage);
    return 2;
  }
  const commit = describeCommit();
  const tally = new Tally();
  const failedInFull = inFull[parsed.name].filter((script) => !passesInFull(script));
  print(`${parsed.name}: seeds from ${parsed.seedFrom} on, ${parsed.minutes} minutes, commit ${commit}`);
  const { isStopped, broken } = await torture(parsed, tally);
  const { name, seedFrom } = parsed;
  const line = tally.ledgerLine({ name, commit, date: new Date().toISOString(), seedFrom });
  appendFileSync(ledgerFile, `${JSON.stringify(line)}\n`);
  print(`${isStopped ? "stopped: " : ""}${tally.describe()}`);
  for (const { seed, kind } of line.failures) print(`  seed ${seed}: ${kind}`);
  for (const script of failedInFull) print(`  failed: node ${script.join(" ")}`);
  const code = exitCodeOfWorst(broken || failedInFull.length > 0 ? [...tally.kinds, "crash"] : tally.kinds);
  return code === 0 && isStopped ? 130 : code;
}

/** Its output goes where ours does. */
function passesInFull(script: readonly string[]): boolean {
  const env = { ...process.env, BAILIWICK_TRANSFERS_SECONDS: transfersSeconds };
  return spawnSync(process.execPath, script, { stdio: "inherit", env }).status === 0;
}

interface Ending {
  readonly isStopped: boolean;
  /** A child ended by itself, with a stack trace on standard error. */
  readonly broken: boolean;
}

/** Until the time is over, a signal comes, or a child breaks. */
async function torture({ name, minutes, seedFrom }: Arguments, tally: Tally): Promise<Ending> {
  let ending: Ending | null = null;
  const end = (how: Ending) => {
    ending ??= how;
    for (const child of children) child.kill("SIGKILL");
  };
  const children = Array.from({ length: processes }, (_, part) => startSeeds(name, seedFrom + part, tally));
  const onSignal = () => end({ isStopped: true, broken: false });
  const timers = [
    setTimeout(() => end({ isStopped: false, broken: false }), minutes * 60_000),
    setInterval(() => print(tally.describe()), progressMs),
  ];
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  // A signal from the terminal reaches the children as well: whose end is news depends on whether anything asked for it.
  const ends = children.map(async (child) => {
    const signal = await new Promise<NodeJS.Signals | null>((resolve) => {
      child.once("close", (_code, by) => resolve(by));
    });
    const isAsked = signal === "SIGINT" || signal === "SIGTERM";
    end({ isStopped: isAsked, broken: !isAsked });
  });
  await Promise.all(ends);
  for (const timer of timers) clearTimeout(timer);
  process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  return ending ?? { isStopped: false, broken: true };
}

/** Every second seed from `seed` on; a seed under way when the child is killed does not count. */
function startSeeds(area: Area, seed: number, tally: Tally): ChildProcess {
  const flags = ["--seed", `${seed}`, "--seeds", `${seedsMax}`, "--step", `${processes}`, "--area", area, "--json"];
  const child = spawn(process.execPath, [runScript, ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(JSON.parse(line) as SeedLine, tally);
  });
  return child;
}

function take(line: SeedLine, tally: Tally): void {
  tally.add(line);
  if (line.kind !== null && line.kind !== "invalid") print(line.text);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function parse(argv: readonly string[]): Arguments | null {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { minutes: { type: "string", default: "10" }, "seed-from": { type: "string" } },
    });
    const [word, ...others] = positionals;
    const name = areas.find((area) => area === word);
    const minutes = Number(values.minutes);
    const freshSeed = Math.floor(Date.now() / 1_000) * seedsASecond;
    const seedFrom = values["seed-from"] === undefined ? freshSeed : Number(values["seed-from"]);
    const isRight = others.length === 0 && minutes > 0 && Number.isSafeInteger(seedFrom) && seedFrom >= 0;
    return isRight && name !== undefined ? { name, minutes, seedFrom } : null;
  } catch {
    return null;
  }
}
