// A quiet cluster of any size: node test/sim/quiet.ts [NODES]. With 1,000 nodes it takes a minute and 5 GB, for every node
// holds the directory of all; exit code 1 when a group has no manager.

import { runQuietWorld } from "./quiet-world.ts";

const nodes = Number(process.argv[2] ?? 1_000);
const startedMs = performance.now();
const report = runQuietWorld(nodes, 10_000);
const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
process.stdout.write(`${nodes} nodes, 10 virtual seconds in ${seconds} s: ${JSON.stringify(report)}\n`);
process.exitCode = report.managed === report.groups ? 0 : 1;
