// Breaks copies of the product, one known bug of others at a time, and demands that the simulator finds each.
//   npm run mutants [-- NAME… --seeds 500]
// Ends with a table in Markdown. Exit code 1: one survived, or its patch does not apply.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { hunt, type Sighting } from "./hunters.ts";
import { type Mutant, plant, readMutants } from "./mutant.ts";

const root = join(import.meta.dirname, "../..");
const progressSeeds = 50;

interface Verdict {
  readonly mutant: Mutant;
  /** null: it survived, or its patch does not apply. */
  readonly found: Sighting | null;
  readonly trouble: string | null;
}

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { seeds: { type: "string", default: "500" } },
  });
  const seeds = Number(values.seeds);
  const mutants = readMutants(join(import.meta.dirname, "patches"));
  const stranger = positionals.find((name) => !mutants.some((mutant) => mutant.name === name));
  if (stranger !== undefined || !Number.isSafeInteger(seeds) || seeds < 1) {
    process.stderr.write(`usage: npm run mutants [-- NAME… --seeds COUNT]     no mutant is named ${stranger}\n`);
    return 2;
  }
  const wanted = positionals.length === 0 ? mutants : mutants.filter(({ name }) => positionals.includes(name));
  const verdicts: Verdict[] = [];
  for (const mutant of wanted) verdicts.push(await judge(mutant, seeds));
  print(tableOf(verdicts));
  return verdicts.every(({ found }) => found !== null) ? 0 : 1;
}

async function judge(mutant: Mutant, seeds: number): Promise<Verdict> {
  const directory = mkdtempSync(join(tmpdir(), `mutant-${mutant.name}-`));
  try {
    plant(mutant, root, directory);
    const found = await findIn(directory, mutant, seeds);
    print(`${mutant.name}: ${found === null ? "SURVIVED" : `seed ${found.seed}, ${found.checker}`}`);
    return { mutant, found, trouble: null };
  } catch (error) {
    const trouble = (error as Error).message;
    print(`${mutant.name}: ${trouble}`);
    return { mutant, found: null, trouble };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A seed that fails without the bug too has not found it. */
async function findIn(directory: string, { name, hunter }: Mutant, seeds: number): Promise<Sighting | null> {
  const passed = (seed: number) => {
    if (seed % progressSeeds === 0) print(`  ${name}: ${seed} seeds`);
  };
  let firstSeed = 1;
  while (firstSeed <= seeds) {
    const found = await hunt(directory, { hunter, firstSeed, seeds: seeds - firstSeed + 1 }, passed);
    if (found === null) return null;
    const unbroken = await hunt(root, { hunter, firstSeed: found.seed, seeds: 1 }, () => {});
    if (unbroken === null) return found;
    print(`  ${name}: seed ${found.seed} fails without it: ${unbroken.checker}`);
    firstSeed = found.seed + 1;
  }
  return null;
}

function tableOf(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ mutant, found, trouble }) => {
    const { name, bug, hunter } = mutant;
    const what = found?.checker ?? (trouble === null ? "**survives**" : "**does not apply**");
    return `| \`${name}\` | ${bug} | ${hunter} | ${found?.seed ?? "-"} | ${withoutNumbers(what)} |`;
  });
  return ["", "| mutant | stands for | hunter | seed | found by |", "| --- | --- | --- | --- | --- |", ...rows].join(
    "\n",
  );
}

/** What a checker says begins with what it is about; the rest is of one run. */
function withoutNumbers(text: string): string {
  const [line = ""] = text.split("\n");
  return (line.length > 90 ? `${line.slice(0, 89)}…` : line).replaceAll("|", "/");
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
