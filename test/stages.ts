// What `npm run ok` and `npm test` consist of, as data. Run by test/run.ts, which also explains the command line.

/** A program with its arguments. */
export interface Program {
  readonly name: string;
  readonly command: readonly string[];
}

export type Stage =
  /** Programs in order of their expected time, the longest first; two at a time. */
  | { readonly type: "programs"; readonly name: string; readonly programs: readonly Program[] }
  /** Generated code is what the schemas say. */
  | { readonly type: "generated"; readonly name: string }
  /** What the stages behind it start as processes is packed (pack.ts). */
  | { readonly type: "packed"; readonly name: string }
  /** The `*.test.ts` files below `folders`, in this order, or the one file that one names. */
  | {
      readonly type: "tests";
      readonly name: string;
      readonly folders: readonly string[];
      readonly concurrency: number;
      /** Folders of pure code, whose files share processes in the whole plan: most of the time of each went into loading the same. */
      readonly sharing?: readonly string[];
      /** Files of other stages that run here in the whole plan, before and beside the others: what they do gives way to those. */
      readonly beside?: readonly string[];
    };

const checks: readonly Stage[] = [
  {
    type: "programs",
    name: "static",
    programs: [
      { name: "promises and switches", command: ["eslint", "--max-warnings=0", "."] },
      { name: "types", command: ["tsc", "--noEmit", "-p", "."] },
      { name: "dead code", command: ["knip", "--no-progress"] },
      { name: "lint and format", command: ["biome", "check", "--error-on-warnings", "."] },
      { name: "schemas", command: ["buf", "lint"] },
    ],
  },
  { type: "generated", name: "generated" },
];

const pure = [
  "agent",
  "api",
  "client",
  "node",
  "proto",
  "raft",
  "recovery",
  "simulation",
  "sphere",
  "txn",
  "watch",
].map((name) => `test/unit/${name}/`);

const quick: readonly Stage[] = [
  { type: "tests", name: "tidy", folders: ["test/tidy.test.ts"], concurrency: 2 },
  { type: "tests", name: "unit", folders: ["test/unit"], concurrency: 2, sharing: pure },
  { type: "tests", name: "golden", folders: ["test/golden"], concurrency: 2 },
];

/** Waits for processes of its own that give way to all others: they run while the end-to-end tests wait. */
const seeds = "test/sim/simulation.test.ts";
const longestEndToEnd = ["black-hole", "disk-failures", "recovery", "recovery-rounds", "storage-damage", "crash"].map(
  (name) => `test/e2e/${name}.test.ts`,
);

const thorough: readonly Stage[] = [
  { type: "tests", name: "conformance", folders: ["test/conformance"], concurrency: 2 },
  { type: "tests", name: "documentation", folders: ["test/docs"], concurrency: 1 },
  { type: "packed", name: "packed" },
  // In both the longest files first, so that both cores are busy to the end.
  {
    type: "tests",
    name: "end-to-end",
    folders: [...longestEndToEnd, "test/e2e"],
    concurrency: 2,
    beside: [seeds],
  },
  { type: "tests", name: "simulation", folders: [seeds, "test/exhaustive", "test/sim"], concurrency: 2 },
];

export const plans: Readonly<Record<"ok" | "all", readonly Stage[]>> = {
  ok: [...checks, ...quick],
  all: [...checks, ...quick, ...thorough],
};
