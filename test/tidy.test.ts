// Executes what ARCHITECTURE.md states: each rule over every file, and each rule on planted code, to prove that it can fail.

import assert from "node:assert/strict";
import { test } from "node:test";
import { checkCycles, checkDeadExports, checkDeadFiles } from "./tidy/graph.ts";
import { checkImportTable } from "./tidy/layers.ts";
import { checkBigint, checkFaults, checkPurity } from "./tidy/purity.ts";
import { type Check, parse, readSources } from "./tidy/source.ts";
import {
  checkDebts,
  checkHeadComment,
  checkLimits,
  checkModuleState,
  checkSyntax,
  checkWorkOnImport,
} from "./tidy/syntax.ts";

/** Files by path; each is given a head comment, which is line 1. */
type Planted = Readonly<Record<string, string>>;

interface Rule {
  readonly name: string;
  readonly check: Check;
  /** Code that must pass. */
  readonly good: readonly Planted[];
  /** Code that must fail, with a part of what is said. */
  readonly bad: readonly (readonly [Planted, RegExp])[];
}

const entry = { "server/main.ts": 'import { used } from "./api/a.ts";\nused();' };
const debt = "TO" + "DO";

const rules: readonly Rule[] = [
  {
    name: "files import only what the import table allows",
    check: checkImportTable,
    good: [
      {
        "server/raft/a.ts": 'import { assert } from "../../proto/assert.ts";\nimport type { Entry } from "./types.ts";',
      },
      { "server/txn/a.ts": 'import { Versions } from "../../storage/mvcc/versions.ts";' },
      { "storage/level-store.ts": 'import { Level } from "level";' },
      { "server/main.ts": 'const { simulate } = await import("./simulation/run.ts");' },
      { "test/unit/a.test.ts": 'import { x } from "../../server/raft/a.ts";\nimport fc from "fast-check";' },
    ],
    bad: [
      [{ "server/raft/a.ts": 'import { keys } from "../../storage/keys.ts";' }, /core imports storage\/keys\.ts/],
      [{ "server/raft/a.ts": 'import type { Lease } from "../lease/types.ts";' }, /another core|core imports/],
      [{ "server/raft/a.ts": 'import { Versions } from "../../storage/mvcc/versions.ts";' }, /core imports/],
      [{ "proto/ids.ts": 'export { x } from "../storage/x.ts";' }, /proto imports storage/],
      [{ "client/a.ts": 'const node = await import("../server/node/node.ts");' }, /client imports server/],
      [{ "storage/a.ts": 'type Node = import("../server/node/node.ts").Node;' }, /storage imports server/],
      [{ "server/node/a.ts": 'import { helper } from "../../test/helper.ts";' }, /node imports test/],
      [{ "server/api/a.ts": 'import { world } from "../simulation/world.ts";' }, /api imports server\/simulation/],
      [{ "storage/log-store.ts": 'import { Level } from "level";' }, /use OrderedStore/],
      [{ "server/api/a.ts": 'import { parse } from "yaml";' }, /imports yaml/],
      [{ "server/node/a.ts": 'import { createLibp2p } from "libp2p";' }, /transport port/],
      [{ "server/raft/a.ts": 'import { join } from "node:path";' }, /imports node:path/],
      [{ "client/a.ts": 'import x from "left-pad";' }, /not in the table/],
      [{ "server/raft/a.ts": 'import { x } from "./b.js";' }, /name the \.ts file/],
    ],
  },
  {
    name: "cores and node tell no time, draw no lots, wait for nothing and touch nothing",
    check: checkPurity,
    good: [
      { "server/raft/a.ts": "// Date, Promise, process\nexport const text = 'Date and async';" },
      {
        "server/node/a.ts":
          "interface A { process: number; performance(): void }\nexport const f = (a: A) => a.process;",
      },
      { "server/adapters/a.ts": "export const now = async () => Date.now();" },
    ],
    bad: [
      [{ "server/raft/a.ts": "export const now = () => Date.now();" }, /a\.ts:2: mentions Date; take nowMs/],
      [{ "server/node/a.ts": "export const now = () => performance.now();" }, /mentions performance/],
      [{ "server/sphere/a.ts": "export const lot = () => Math.random();" }, /mentions Math\.random/],
      [{ "server/txn/a.ts": "export const id = () => crypto.randomUUID();" }, /mentions crypto/],
      [{ "server/lease/a.ts": "export const later = (f: () => void) => setTimeout(f, 1);" }, /mentions setTimeout/],
      [{ "server/watch/a.ts": "export const later = (f: () => void) => setInterval(f, 1);" }, /mentions setInterval/],
      [{ "server/watch/a.ts": "export const later = (f: () => void) => setImmediate(f);" }, /mentions setImmediate/],
      [
        { "server/watch/a.ts": "export const later = (f: () => void) => queueMicrotask(f);" },
        /mentions queueMicrotask/,
      ],
      [{ "server/recovery/a.ts": "export const pid = () => process.pid;" }, /mentions process/],
      [{ "server/raft/a.ts": "export const log = () => console.log(1);" }, /mentions console/],
      [{ "server/raft/a.ts": "export type Later = Promise<void>;" }, /mentions Promise/],
      [{ "server/raft/a.ts": "export async function f() {}" }, /waits/],
      [{ "server/raft/a.ts": "export const f = (x: unknown) => ({ process, x });" }, /mentions process/],
      [{ "server/raft/a.ts": "export const later = () => import('./b.ts');" }, /waits/],
      [{ "server/simulation/a.ts": "export const now = () => Date.now();" }, /mentions Date/],
      [{ "storage/mvcc/a.ts": "export const lot = () => Math.random();" }, /mentions Math\.random/],
    ],
  },
  {
    name: "bigint stays in the codec",
    check: checkBigint,
    good: [
      { "proto/codec.ts": "export const one = BigInt(1) + 1n;" },
      { "server/adapters/a.ts": "export const x = { bigint: 1 };" },
    ],
    bad: [
      [{ "storage/a.ts": "export const one = 1n;" }, /uses bigint/],
      [{ "server/api/a.ts": "export const one = BigInt(1);" }, /uses bigint/],
      [{ "client/a.ts": "export type Revision = bigint;" }, /uses bigint/],
      [{ "storage/a.ts": "export const f = (v: DataView) => v.getBigUint64(0);" }, /uses bigint/],
    ],
  },
  {
    name: "no production file names a fault",
    check: checkFaults,
    good: [
      { "server/node/a.ts": "// a fault\nexport const defaultValue = 'fault';" },
      { "server/simulation/a.ts": "export const faults = 1;" },
    ],
    bad: [
      [{ "storage/a.ts": "export const diskFault = false;" }, /names a fault \(diskFault\)/],
      [{ "server/node/a.ts": "export const f = (o: { isSimulated: boolean }) => o.isSimulated;" }, /names a fault/],
    ],
  },
  {
    name: "no file imports itself through others",
    check: checkCycles,
    good: [{ "proto/a.ts": 'import "./b.ts";\nimport "./c.ts";', "proto/b.ts": 'import "./c.ts";', "proto/c.ts": "" }],
    bad: [
      [{ "proto/a.ts": 'import "./a.ts";' }, /cycle: proto\/a\.ts -> proto\/a\.ts/],
      [
        {
          "proto/a.ts": 'import { b } from "./b.ts";',
          "proto/b.ts": 'export * from "./c.ts";',
          "proto/c.ts": 'import type { a } from "./a.ts";',
        },
        /cycle: proto\/a\.ts -> proto\/b\.ts -> proto\/c\.ts -> proto\/a\.ts/,
      ],
    ],
  },
  {
    name: "every production file is reached from an entry point",
    check: checkDeadFiles,
    good: [
      {
        ...entry,
        "server/api/a.ts": "export const worker = new URL('./worker.ts', import.meta.url);",
        "server/api/worker.ts": "",
      },
      {
        ...entry,
        "server/api/a.ts": "",
        "server/simulation/a.ts": "",
        "test/sim/a.test.ts": 'import "../../server/simulation/a.ts";',
      },
    ],
    bad: [
      [
        { ...entry, "server/api/a.ts": "", "server/api/b.ts": "", "test/a.test.ts": 'import "../server/api/b.ts";' },
        /b\.ts:1: is reached from none/,
      ],
      [{ ...entry, "server/api/a.ts": "", "server/simulation/a.ts": "" }, /simulation\/a\.ts:1: is reached/],
    ],
  },
  {
    name: "every export is imported by a production file",
    check: checkDeadExports,
    good: [
      { ...entry, "server/api/a.ts": "export interface Options { a: 1 }\nexport function used(options?: Options) {}" },
      { "client/index.ts": 'export { a } from "./a.ts";', "client/a.ts": "export const a = 1;" },
      { "server/main.ts": 'import * as all from "./api/a.ts";', "server/api/a.ts": "export const one = 1;" },
    ],
    bad: [
      [
        { ...entry, "server/api/a.ts": "export function used() {}\nexport const unused = 1;" },
        /a\.ts:3: exports unused/,
      ],
      [{ ...entry, "server/api/a.ts": "export const used = 1;\nexport type Unused = 1;" }, /exports Unused/],
      [
        {
          ...entry,
          "server/api/a.ts": "export const used = 1;\nexport const tested = 1;",
          "test/a.test.ts": 'import { tested } from "../server/api/a.ts";',
        },
        /exports tested/,
      ],
    ],
  },
  {
    name: "syntax is erasable, and nothing has a default",
    check: checkSyntax,
    good: [
      {
        "proto/a.ts":
          "export class A { #b = 1; private constructor() {} get b() { return this.#b; } }\nswitch (1) { default: }",
      },
    ],
    bad: [
      [{ "proto/a.ts": "export enum E { A }" }, /declares an enum/],
      [{ "proto/a.ts": "export namespace N { export const a = 1; }" }, /declares a namespace/],
      [{ "proto/a.ts": "export default function f() {}" }, /exports a default/],
      [{ "proto/a.ts": "const a = 1;\nexport default a;" }, /a\.ts:3: exports a default/],
      [{ "proto/a.ts": "export class A { constructor(readonly a: number) {} }" }, /parameter property/],
      [{ "proto/a.ts": "export class A { private a = 1; }" }, /use a #name/],
    ],
  },
  {
    name: "modules hold no state",
    check: checkModuleState,
    good: [
      { "proto/a.ts": "const names = new Set(['a']);\nexport const has = (name: string) => names.has(name);" },
      {
        "proto/a.ts":
          "export const table = { a: 1 } as const;\nexport const f = () => { const own = []; own.push(1); };",
      },
      { "server/main.ts": "let stopping = false;\nstopping = true;" },
    ],
    bad: [
      [{ "proto/a.ts": "let count = 0;\nexport const next = () => ++count;" }, /a\.ts:2: holds a variable/],
      [
        { "proto/a.ts": "const seen = new Map<string, number>();\nexport const see = (k: string) => seen.set(k, 1);" },
        /a\.ts:3: changes seen/,
      ],
      [{ "proto/a.ts": "const list: number[] = [];\nexport const add = () => list.push(1);" }, /changes list/],
      [
        {
          "proto/a.ts":
            "const table: Record<string, number> = {};\nexport const add = (k: string) => { table[k] = 1; };",
        },
        /changes table/,
      ],
      [{ "server/node/a.ts": "export const theNode = new Node();" }, /makes the singleton theNode/],
    ],
  },
  {
    name: "importing a file does no work",
    check: checkWorkOnImport,
    good: [{ "client/a.ts": "import { readFileSync } from 'node:fs';\nexport const read = () => readFileSync('a');" }],
    bad: [
      [{ "client/a.ts": "start();" }, /works on import/],
      [{ "client/a.ts": "for (const a of []) {}" }, /works on import/],
      [{ "client/a.ts": "import './polyfill.ts';" }, /for a side effect/],
      [
        { "client/a.ts": "import { readFileSync } from 'node:fs';\nexport const text = readFileSync('a');" },
        /touches the world/,
      ],
      [{ "client/a.ts": "export const value = await load();" }, /touches the world/],
    ],
  },
  {
    name: "every file says what it is",
    check: checkHeadComment,
    good: [{ "proto/a.ts": "" }],
    bad: [],
  },
  {
    name: "no file leaves a promise to do something later",
    check: checkDebts,
    good: [{ "proto/a.ts": "export const todo = 1;" }],
    bad: [[{ "proto/a.ts": `\n// ${debt}: later` }, /a\.ts:3: leaves a/]],
  },
  {
    name: "limits of the server are in limits.ts",
    check: checkLimits,
    good: [
      { "server/node/limits.ts": "export const queueMax = 100;" },
      { "server/api/a.ts": "export const f = (callsMax: number) => callsMax;" },
    ],
    bad: [[{ "server/api/a.ts": "const callsMax = 4 * 1024;" }, /sets the limit callsMax/]],
  },
];

const sources = readSources(`${import.meta.dirname}/..`);

for (const { name, check, good, bad } of rules) {
  test(name, () => {
    const found = report(check, sources);
    assert.ok(found.length === 0, `\n${found.join("\n")}`);
  });
  test(`self-test: ${name}`, () => {
    for (const planted of good) assert.deepEqual(report(check, plant(planted)), []);
    for (const [planted, expected] of bad) assert.match(report(check, plant(planted)).join("\n"), expected);
  });
}

test("self-test: every file says what it is, or is reported", () => {
  assert.match(
    report(checkHeadComment, [parse("proto/a.ts", "export const a = 1;\n// late")]).join("\n"),
    /no head comment/,
  );
});

test("there are files to check", () => assert.ok(sources.length > 10));

function report(check: Check, files: ReturnType<typeof readSources>): string[] {
  return check(files).map(({ path, line, message }) => `${path}:${line}: ${message}`);
}

function plant(files: Planted): ReturnType<typeof readSources> {
  return Object.entries(files).map(([path, text]) => parse(path, `// Planted.\n${text}`));
}
