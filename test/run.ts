// The test driver behind `npm run ok` and `npm test`: stages in order, stopping at the first that fails, and at the end
// one summary of all tests.
//
//   node test/run.ts ok|all            every stage of the plan
//   node test/run.ts ok|all PATTERN…   only stages so named, and test files whose path holds a pattern; nothing static

import { spawn } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { pack, packVariable } from "./pack.ts";
import { type Program, plans, type Stage } from "./stages.ts";

const root = join(import.meta.dirname, "..");
/** For one test: fails what hangs, far above what any takes. */
const testTimeoutMs = 300_000;
/** Ends a stage that reports nothing for so long: all its tests are over and a file's process does not end. */
const silenceMaxMs = testTimeoutMs + 30_000;
const programsAtOnce = 2;
const filesInProcess = 8;

const countNames = ["tests", "suites", "pass", "fail", "cancelled", "skipped", "todo"] as const;
type Counts = Record<(typeof countNames)[number], number>;

type Outcome = "passed" | "failed" | "skipped";

async function main(plan: string | undefined, patterns: readonly string[]): Promise<number> {
  if (plan !== "ok" && plan !== "all") {
    print("Usage: node test/run.ts ok|all [PATTERN…]");
    return 2;
  }
  process.chdir(root);
  // Each file is a process of its own, and so are the nodes of many: what one has compiled, the next need not.
  process.env["NODE_COMPILE_CACHE"] ??= join(tmpdir(), "node-compile-cache");
  const totals: Counts = { tests: 0, suites: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
  const startedMs = performance.now();
  let failed: string | null = null;
  const stages = patterns.length === 0 ? withCompanions(plans[plan]) : plans[plan];
  for (const stage of stages) {
    if ((await timed(stage, patterns, totals)) !== "failed") continue;
    failed = stage.name;
    break;
  }
  if (failed === null && patterns.length > 0 && totals.tests === 0) failed = `nothing matches ${patterns.join(" ")}`;
  if (failed !== null) print(`\n✖ stopped: ${failed}`);
  print("");
  for (const name of countNames) print(`ℹ ${name} ${totals[name]}`);
  print(`ℹ duration_ms ${Math.round(performance.now() - startedMs)}`);
  return failed === null ? 0 : 1;
}

async function timed(stage: Stage, patterns: readonly string[], totals: Counts): Promise<Outcome> {
  const isNamed = patterns.includes(stage.name);
  if (patterns.length > 0 && stage.type !== "tests" && !isNamed) return "skipped";
  const files = stage.type === "tests" ? testFiles(stage.folders, isNamed ? [] : patterns) : [];
  if (stage.type === "tests" && files.length === 0) {
    if (patterns.length === 0) print(`\n━━ ${stage.name}: skipped, no test files in ${stage.folders.join(" ")}`);
    return "skipped";
  }
  print(`\n━━ ${stage.name}`);
  const startedMs = performance.now();
  const isWhole = patterns.length === 0 || isNamed;
  const isPassed = await runStage(stage, isWhole ? shared(stage, files) : files, totals);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  print(`━━ ${stage.name}: ${isPassed ? "passed" : "FAILED"} in ${seconds} s`);
  return isPassed ? "passed" : "failed";
}

async function runStage(stage: Stage, files: readonly string[], totals: Counts): Promise<boolean> {
  switch (stage.type) {
    case "tests":
      return await runTests(files, stage.concurrency, totals);
    case "programs":
      return await runPrograms(stage.programs, totals);
    case "generated":
      return countCheck(totals, await checkGenerated());
    case "packed":
      process.env[packVariable] = await pack();
      return true;
  }
}

/** What runs beside another stage has a place of its own there, and does not run again in its own stage. */
function withCompanions(plan: readonly Stage[]): readonly Stage[] {
  const companions = new Set(plan.flatMap((stage) => (stage.type === "tests" ? (stage.beside ?? []) : [])));
  return plan.map((stage) => {
    if (stage.type !== "tests") return stage;
    const { beside = [], concurrency } = stage;
    const own = stage.folders.flatMap(filesBelow).filter((file) => !companions.has(file));
    return { ...stage, folders: [...beside, ...own], concurrency: concurrency + beside.length };
  });
}

/** Each once, in the order of the folders. */
function testFiles(folders: readonly string[], patterns: readonly string[]): string[] {
  const files = new Set(folders.flatMap(filesBelow));
  return [...files].filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)));
}

function filesBelow(folder: string): readonly string[] {
  if (folder.endsWith(".ts")) return [folder].filter((file) => existsSync(file));
  return globSync(`${folder}/**/*.test.ts`).sort();
}

/** Those that share a process are named by a file of imports in their place. */
function shared(stage: Stage, files: readonly string[]): readonly string[] {
  const sharing = stage.type === "tests" ? (stage.sharing ?? []) : [];
  return sharing.reduce<readonly string[]>((rest, folder) => {
    const own = rest.filter((file) => file.startsWith(folder));
    const others = rest.filter((file) => !own.includes(file));
    const count = Math.ceil(own.length / filesInProcess);
    // Dealt out like cards, so that neighbours, which often take as long, are apart.
    const parts = Array.from({ length: count }, (_, at) => own.filter((_file, index) => index % count === at));
    return [...others, ...parts.map((part, at) => importing(part, `${folder}${at + 1}`))];
  }, files);
}

function importing(files: readonly string[], name: string): string {
  const file = join(root, ".cache", "test-parts", `${name.replaceAll("/", "-")}.ts`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, files.map((each) => `import "${join(root, each)}";\n`).join(""));
  return file;
}

/** Streams node's own report of each test; the summary of the stage is held back and added to the totals. */
async function runTests(files: readonly string[], concurrency: number, totals: Counts): Promise<boolean> {
  let isPassed = true;
  const silence = new AbortController();
  const watchdog = setTimeout(() => silence.abort(), silenceMaxMs);
  async function* report(): AsyncGenerator<object> {
    const { signal } = silence;
    for await (const event of run({ files, concurrency, timeout: testTimeoutMs, cwd: root, signal })) {
      watchdog.refresh();
      if (event.type === "test:summary" && event.data.file === undefined) {
        isPassed &&= event.data.success;
        addCounts(totals, event.data.counts);
      }
      if (event.type === "test:fail" && event.data.todo === undefined) isPassed = false;
      if (event.type === "test:diagnostic" && isSummaryLine(event.data.message)) continue;
      yield event;
    }
  }
  const output = Readable.from(report()).compose(new spec());
  output.pipe(process.stdout, { end: false });
  await finished(output);
  clearTimeout(watchdog);
  return isPassed;
}

function isSummaryLine(message: string): boolean {
  return /^(?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/.test(message);
}

function addCounts(totals: Counts, counts: { readonly [name: string]: number }): void {
  totals.tests += counts["tests"] ?? 0;
  totals.suites += counts["suites"] ?? 0;
  totals.pass += counts["passed"] ?? 0;
  totals.fail += counts["failed"] ?? 0;
  totals.cancelled += counts["cancelled"] ?? 0;
  totals.skipped += counts["skipped"] ?? 0;
  totals.todo += counts["todo"] ?? 0;
}

/** A check that is no node test counts as one in the summary. */
function countCheck(totals: Counts, isPassed: boolean): boolean {
  totals.tests += 1;
  totals[isPassed ? "pass" : "fail"] += 1;
  return isPassed;
}

/** Runs all, so that one call shows everything that is wrong; the output of each comes in one piece. */
async function runPrograms(programs: readonly Program[], totals: Counts): Promise<boolean> {
  const waiting = [...programs];
  let isPassed = true;
  const lane = async () => {
    for (let program = waiting.shift(); program !== undefined; program = waiting.shift()) {
      const startedMs = performance.now();
      const { code, output } = await runProgram(program.command);
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
      if (code === 0) print(`✔ ${program.name} (${seconds} s)`);
      else print(`${output.trimEnd()}\n✖ ${program.name} (${seconds} s): ${program.command.join(" ")}`);
      isPassed = countCheck(totals, code === 0) && isPassed;
    }
  };
  await Promise.all(Array.from({ length: programsAtOnce }, lane));
  return isPassed;
}

/** @returns exit code, and both output streams as they came; a program that cannot start has code 127 */
function runProgram(command: readonly string[]): Promise<{ code: number; output: string }> {
  const [name = "", ...rest] = command;
  const path = `${join(root, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`;
  const { promise, resolve } = Promise.withResolvers<{ code: number; output: string }>();
  const child = spawn(name, rest, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, PATH: path } });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.on("error", (error) => resolve({ code: 127, output: error.message }));
  child.on("close", (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString() }));
  return promise;
}

/** Generates into a folder of its own and compares it with what is committed, file by file. */
async function checkGenerated(): Promise<boolean> {
  const fresh = mkdtempSync(join(tmpdir(), "bailiwick-generated-"));
  try {
    const { code, output } = await runProgram(["buf", "generate", "--output", fresh]);
    if (code !== 0) print(output.trimEnd());
    const wrong = code === 0 ? differingFiles(join(fresh, "proto/gen"), join(root, "proto/gen")) : [];
    for (const file of wrong) print(`✖ proto/gen/${file} is not what the schemas say; run npm run generate`);
    return code === 0 && wrong.length === 0;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function differingFiles(fresh: string, committed: string): string[] {
  const filesOf = (folder: string) => globSync("**/*.ts", { cwd: folder });
  const read = (folder: string, file: string) =>
    existsSync(join(folder, file)) ? readFileSync(join(folder, file), "utf8") : null;
  return [...new Set([...filesOf(fresh), ...filesOf(committed)])]
    .sort()
    .filter((file) => read(fresh, file) !== read(committed, file));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

process.exitCode = await main(process.argv[2], process.argv.slice(3));
