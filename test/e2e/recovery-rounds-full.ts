// The rounds of recovery-rounds.test.ts in full, with a progress line for each, and one line at the end that tells counts and times.
//   node test/e2e/recovery-rounds-full.ts [--rounds 100]
// Exit code 1: applications overlapped, or a round failed. Times are told and not judged: they are the machine's as well.

import { parseArgs } from "node:util";
import { runLanes, summaryOf } from "./support/recovery-lanes.ts";
import { roundNames } from "./support/recovery-rounds.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "100" } } });
const rounds = Number(values.rounds);

process.exitCode = await main();

async function main(): Promise<number> {
  if (!(Number.isSafeInteger(rounds) && rounds > 0)) {
    process.stderr.write("usage: node test/e2e/recovery-rounds-full.ts [--rounds 100]\n");
    return 2;
  }
  const startMs = performance.now();
  let taken = 0;
  const take = () => (taken === rounds ? null : (roundNames[taken++ % roundNames.length] ?? null));
  const gathered = await runLanes(take, ({ group, name, tookMs }) => print(`${group} ${name}: ${tookMs ?? "-"} ms`));
  for (const overlap of gathered.overlaps) print(`OVERLAP ${overlap}`);
  for (const { group, name, why } of gathered.failures) print(`FAILED ${group} ${name}: ${why}`);
  print(summaryOf(gathered, (performance.now() - startMs) / 1_000));
  return gathered.overlaps.length + gathered.failures.length === 0 ? 0 : 1;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
