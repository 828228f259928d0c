// The benchmark program: `npm run bench -- write` or `watch`. Figures go to stdout, everything else to stderr. Exit codes: 0 measured,
// 1 failed, 2 usage, 130 interrupted. It is also the program of the processes that it starts for the ceiling.

import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ceilingRole } from "./ceiling/start.ts";
import { Children } from "./children.ts";
import { help, parseOptions, UsageError, type WatchBenchOptions, type WriteOptions } from "./options.ts";
import { profileWrites } from "./profile.ts";
import { benchWatches } from "./watch.ts";
import { benchWrites } from "./write.ts";

const exitCodes = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

class Interrupted extends Error {}

await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  if (args[0] === ceilingRole) {
    const { runCeilingProcess } = await import("./ceiling/process.ts");
    await runCeilingProcess(args.slice(1));
    return;
  }
  try {
    const options = parseOptions(args);
    process.stdout.write(options === null ? help : `${await run(options)}\n`);
    process.exitCode = exitCodes.ok;
  } catch (reason) {
    process.exitCode = exitCodeOf(reason);
    process.stderr.write(`bench: ${reason instanceof Error ? reason.message : String(reason)}\n`);
  }
}

async function run(options: WriteOptions | WatchBenchOptions): Promise<string> {
  const aborting = new AbortController();
  const interrupt = () => aborting.abort(new Interrupted("Interrupted"));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, interrupt);
  const directory = await mkdtemp(join(options.directory, "bailiwick-bench-"));
  const children = new Children(directory, (reason) => aborting.abort(reason));
  const progress = (text: string) => process.stderr.write(`${text}\n`);
  const program = fileURLToPath(import.meta.url);
  const stage = { program, children, directory, signal: aborting.signal, progress };
  try {
    if (options.benchmark === "watch") return await benchWatches(stage, options);
    return options.profile === null
      ? await benchWrites(stage, options)
      : await profileWrites(stage, options.profile, options);
  } catch (reason) {
    throw aborting.signal.aborted ? aborting.signal.reason : reason;
  } finally {
    await children.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

function exitCodeOf(reason: unknown): number {
  if (reason instanceof Interrupted) return exitCodes.interrupted;
  return reason instanceof UsageError ? exitCodes.usage : exitCodes.failed;
}
