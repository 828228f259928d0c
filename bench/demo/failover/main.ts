// The fail-over demo: `npm run demo:failover`. The table goes to stdout, everything else to stderr. It is also the program of
// the processes that it starts: the client, and the application where there is no nginx.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DemoCluster, group } from "./cluster.ts";
import { Loopback } from "./loopback.ts";
import { Namespaces, namespacesThere, removeNamespaces, whyNoNamespaces } from "./namespaces.ts";
import { runObserver } from "./observer.ts";
import { ObserverLink } from "./observer-link.ts";
import { type DemoOptions, help, parseOptions, UsageError } from "./options.ts";
import { draw } from "./picture.ts";
import { toPng } from "./png.ts";
import { holdersOf, killAll } from "./processes.ts";
import { isWithin, pictureOf, tableOf } from "./report.ts";
import { type Outcome, runScenarios } from "./scenarios.ts";
import { runWebServer } from "./web-server.ts";
import { nodes, type World } from "./world.ts";

const exitCodes = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;
const demoMaxMs = 240_000;
const directoryPrefix = "bw-demo-";
const program = fileURLToPath(import.meta.url);

class Interrupted extends Error {}

await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  const [role, parameter = ""] = args;
  if (role === "observer") return runObserver(parameter);
  if (role === "web-server") return runWebServer(Number(parameter));
  try {
    const options = parseOptions(args);
    if (options === null) process.stdout.write(help);
    else process.exitCode = options.clean ? await clean() : await demonstrate(options);
  } catch (reason) {
    process.exitCode = exitCodeOf(reason);
    progress(`demo: ${reason instanceof Error ? reason.message : String(reason)}`);
  }
}

/** What a demo has left that was killed; or ends one that runs. */
async function clean(): Promise<number> {
  const left = holdersOf(join(tmpdir(), directoryPrefix));
  await killAll(() => holdersOf(join(tmpdir(), directoryPrefix)));
  const names = (await whyNoNamespaces()) === null ? await namespacesThere() : [];
  await removeNamespaces(names);
  progress(`Ended ${left.length} processes; removed ${names.length === 0 ? "no namespace" : names.join(", ")}`);
  return exitCodes.ok;
}

function warnOfLoad(): void {
  const [load = 0] = loadavg();
  const processors = availableParallelism();
  if (load <= 2 * processors) return;
  progress(
    `This machine is busy (load ${load.toFixed(1)}, processors ${processors}): starts and stops will take longer`,
  );
}

async function demonstrate(options: DemoOptions): Promise<number> {
  const aborting = new AbortController();
  const interrupt = () => aborting.abort(new Interrupted("Interrupted"));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, interrupt);
  const limit = setTimeout(() => aborting.abort(new Error(`Not done after ${demoMaxMs / 1_000} s`)), demoMaxMs);
  const directory = await mkdtemp(join(tmpdir(), directoryPrefix));
  let isGood = false;
  warnOfLoad();
  try {
    const world = await worldFor(options, directory);
    const outcomes = await runIn(world, directory, aborting.signal);
    process.stdout.write(`\n${tableOf(outcomes)}\n`);
    await writePictures(outcomes, world.description, options.out);
    isGood = outcomes.every(isWithin);
    return isGood ? exitCodes.ok : exitCodes.failed;
  } catch (reason) {
    throw aborting.signal.aborted ? aborting.signal.reason : reason;
  } finally {
    clearTimeout(limit);
    const isWanted = options.keep || (!isGood && !(aborting.signal.reason instanceof Interrupted));
    if (isWanted) progress(`Logs are in ${directory}`);
    else await rm(directory, { recursive: true, force: true });
  }
}

async function worldFor({ loopback }: DemoOptions, directory: string): Promise<World> {
  const why = loopback ? "as asked" : await whyNoNamespaces();
  if (why === null) return new Namespaces(directory);
  progress(`On the loopback: ${why}`);
  return Loopback.create(directory, program);
}

async function runIn(world: World, directory: string, signal: AbortSignal): Promise<readonly Outcome[]> {
  progress(`${world.description[0]?.toUpperCase()}${world.description.slice(1)}`);
  const cluster = new DemoCluster(world, directory);
  let observer: ObserverLink | null = null;
  try {
    await world.prepare();
    await cluster.prepare();
    for (const node of nodes) await cluster.switchOn(node);
    progress("Started; waiting for the service");
    const options = { url: world.url, endpoints: cluster.endpoints, group };
    observer = new ObserverLink(program, options, (command) => world.on("client", command));
    return await runScenarios({ world, cluster, observer, signal, progress });
  } finally {
    observer?.end();
    await world.remove().catch(sayWhatIsLeft);
  }
}

/** What went wrong before is the better reason to fail with. */
function sayWhatIsLeft(reason: unknown): void {
  progress(`Not all is removed, try --clean: ${reason instanceof Error ? reason.message : String(reason)}`);
}

async function writePictures(outcomes: readonly Outcome[], where: string, base: string): Promise<void> {
  const svg = draw(pictureOf(outcomes, where));
  await writeFile(`${base}.svg`, svg);
  const png = await toPng(svg);
  if (png !== null) await writeFile(`${base}.png`, png);
  progress(
    `Drawn in ${base}.svg${png === null ? "; no PNG: a font or @resvg/resvg-js is missing" : ` and ${base}.png`}`,
  );
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

function exitCodeOf(reason: unknown): number {
  if (reason instanceof Interrupted) return exitCodes.interrupted;
  return reason instanceof UsageError ? exitCodes.usage : exitCodes.failed;
}
