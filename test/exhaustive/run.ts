// One search by hand, with wider bounds than the tests have time for:
//   node test/exhaustive/run.ts --terms 2 --proposals 2 --crashes 1 --changes 1 --beats 1 --resends 1 --window 1

import { parseArgs } from "node:util";
import { boundsOf } from "./bounds.ts";
import { reportOf } from "./report.ts";
import { search } from "./search.ts";

const number = { type: "string", default: "0" } as const;
const { values } = parseArgs({
  options: {
    terms: { ...number, default: "2" },
    ...{ proposals: number, crashes: number, changes: number, weighings: number, beats: number, resends: number },
    window: { ...number, default: "100" },
  },
});
const { terms, window, ...budgets } = Object.fromEntries(
  Object.entries(values).map(([name, value]) => [name, Number(value)]),
);
const bounds = boundsOf(Number(terms), budgets, { inflightEntriesMax: Number(window) });
const found = search(bounds);
console.log(reportOf(bounds, found));
process.exitCode = found.isAll ? 0 : 11;
