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
  /** The `*.test.ts` files below `folder`, or the one file it names. */
  | { readonly type: "tests"; readonly name: string; readonly folder: string; readonly concurrency: number };

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

const quick: readonly Stage[] = [
  { type: "tests", name: "tidy", folder: "test/tidy.test.ts", concurrency: 2 },
  { type: "tests", name: "unit", folder: "test/unit", concurrency: 2 },
  { type: "tests", name: "golden", folder: "test/golden", concurrency: 2 },
];

const thorough: readonly Stage[] = [
  { type: "tests", name: "conformance", folder: "test/conformance", concurrency: 2 },
  { type: "tests", name: "simulation", folder: "test/sim", concurrency: 2 },
  { type: "tests", name: "exhaustion", folder: "test/exhaustive", concurrency: 1 },
  { type: "tests", name: "documentation", folder: "test/docs", concurrency: 1 },
  { type: "tests", name: "end-to-end", folder: "test/e2e", concurrency: 1 },
];

export const plans: Readonly<Record<"ok" | "all", readonly Stage[]>> = {
  ok: [...checks, ...quick],
  all: [...checks, ...quick, ...thorough],
};
