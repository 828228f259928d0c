// The command line's dependencies in a real process.

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { addAbortSignal } from "node:stream";
import { systemClock } from "../clock.ts";
import type { CliDeps } from "./cli-deps.ts";
import { exitCodes } from "./exit-codes.ts";

/** @param version of the software, for example `0.1.0` */
export function createSystemDeps(version: string): CliDeps {
  endWithOutput();
  // An agent goes on where nothing can be said any more: its guard may be about to need it.
  process.stderr.on("error", () => {});
  return {
    connect: async (options) => new (await import("../client.ts")).Client(options),
    out: (data) => void process.stdout.write(data),
    err: (text) => void process.stderr.write(text),
    readFile: (path) => readFile(path),
    readStdin,
    startProgram: async (...given) => (await import("./start-program.ts")).startProgram(...given),
    askLine,
    sleep: systemClock.sleep,
    nowMs: () => Date.now(),
    isTty: process.stdout.isTTY === true,
    env: process.env,
    interrupted: watchInterrupt,
    version,
  };
}

/** `bailiwick list … | head` ends quietly when head does, as other programs do; what else is not written is told. */
function endWithOutput(): void {
  process.stdout.on("error", ({ code, message }: NodeJS.ErrnoException) => {
    if (code === "EPIPE") process.exit();
    process.stderr.write(`error: Cannot write to standard output: ${code ?? message}\n`);
    process.exit(exitCodes.failed);
  });
}

async function readStdin(signal: AbortSignal): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  for await (const part of addAbortSignal(signal, process.stdin)) parts.push(Buffer.from(part as Uint8Array));
  return Buffer.concat(parts);
}

/** The question goes to standard error: the answer to a command is data. */
async function askLine(question: string, signal: AbortSignal): Promise<string> {
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  // While it reads from a terminal, Ctrl-C is a key like others.
  reader.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  const ended = new Promise<string>((resolve) => reader.once("close", () => resolve("")));
  try {
    return await Promise.race([reader.question(question, { signal }), ended]);
  } finally {
    reader.close();
  }
}

/** The first SIGINT or SIGTERM asks; the second, no longer handled, ends the process. */
function watchInterrupt(): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupted.abort());
  return interrupted.signal;
}
