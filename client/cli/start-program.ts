// Starts a program that has this one's terminal, standard input and outputs.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import type { Program, ProgramEnd, ProgramSetting } from "./program-port.ts";
import { UsageError } from "./usage-error.ts";

/** While it runs, signals are for it: this program ends when it has. */
const handedOn = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * @param command program and arguments
 * @throws {UsageError} when it cannot be started
 */
export async function startProgram(
  command: readonly string[],
  { environment, directory, hear }: ProgramSetting,
): Promise<Program> {
  const [file = "", ...args] = command;
  const stdio = ["inherit", hear === undefined ? "inherit" : "pipe", "inherit"] as const;
  const child = spawn(file, args, { stdio: [...stdio], env: environment, cwd: directory });
  if (hear !== undefined) child.stdout?.setEncoding("utf8").on("data", hear);
  // A signal that comes too late for it.
  child.on("error", () => {});
  const ended = new Promise<ProgramEnd>((resolve) => {
    child.once(hear === undefined ? "exit" : "close", (code: number | null, signal: NodeJS.Signals | null) => {
      resolve({ code, signalNumber: signal === null ? 0 : constants.signals[signal] });
    });
  });
  const handOn = (signal: NodeJS.Signals) => {
    // A terminal has sent Ctrl-C, and its own end, to the program as well.
    if (signal === "SIGTERM" || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of handedOn) process.on(signal, handOn);
  const release = () => {
    for (const signal of handedOn) process.off(signal, handOn);
  };
  try {
    await once(child, "spawn");
  } catch (reason) {
    release();
    throw new UsageError(`Cannot run ${file}: ${codeOf(reason)}`);
  }
  void ended.then(release);
  return { ended, kill: (signal) => void child.kill(signal) };
}

function codeOf(reason: unknown): string {
  return reason instanceof Error && "code" in reason ? String(reason.code) : String(reason);
}
