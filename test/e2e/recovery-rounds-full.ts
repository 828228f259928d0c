// The rounds of recovery-rounds.test.ts in full, with a progress line for each, and one line at the end that tells counts and times.
// Where each machine can have a network of its own, machines are also cut off in one direction.
//   node test/e2e/recovery-rounds-full.ts [--rounds 100]
// Exit code 1: applications overlapped, or a round failed. Times are told and not judged: they are the machine's as well.

import { parseArgs } from "node:util";
import { runLanes, summaryOf } from "./support/recovery-lanes.ts";
import { hasNamespaces } from "./support/recovery-namespaces.ts";
import { cutNames, type RoundResult, roundNames } from "./support/recovery-rounds.ts";

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
  const hasNetworks = hasNamespaces();
  if (!hasNetworks)
    print(`LEFT OUT: ${cutNames.join(", ")}: no network namespaces here, they need Linux, root, ip and tc`);
  const names = hasNetworks ? [...roundNames, ...cutNames] : roundNames;
  const take = () => (taken === rounds ? null : (names[taken++ % names.length] ?? null));
  const tell = ({ group, name, tookMs, beyondMs }: RoundResult) => {
    const beyond = beyondMs === null ? "" : `, ${beyondMs} beyond the application's own stop and start`;
    print(`${group} ${name}: ${tookMs ?? "-"} ms${beyond}`);
  };
  const gathered = await runLanes(take, tell, { hasNetworks });
  for (const overlap of gathered.overlaps) print(`OVERLAP ${overlap}`);
  for (const { group, name, why } of gathered.failures) print(`FAILED ${group} ${name}: ${why}`);
  print(summaryOf(gathered, (performance.now() - startMs) / 1_000));
  return gathered.overlaps.length + gathered.failures.length === 0 ? 0 : 1;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
