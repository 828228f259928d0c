// The processes that a benchmark starts, and their end: all of them are stopped whatever happens, and one that ends by itself
// ends the benchmark. What they print goes to files in the temporary directory.

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";

const stopPatienceMs = 10_000;
const linesShown = 12;

export interface ChildOptions {
  /** Names its log file. */
  readonly name: string;
  /** Arguments of Node.js, beside those for a profile. */
  readonly args: readonly string[];
  /** What ends when this process does, so that the child notices: a channel to talk over, or its standard input. */
  readonly tie: "channel" | "stdin";
  /** Where it leaves a CPU profile when it ends; null: nowhere. */
  readonly profileDirectory: string | null;
}

/** A program that is not ours; it must end when it is asked to. */
export interface ProgramOptions {
  /** Names its log file. */
  readonly name: string;
  readonly executable: string;
  readonly args: readonly string[];
}

export class Children {
  readonly #directory: string;
  readonly #failed: (reason: Error) => void;
  readonly #running = new Map<ChildProcess, string>();
  #isStopping = false;

  /**
   * @param directory for the log files
   * @param failed told when a process ends that was not asked to
   */
  constructor(directory: string, failed: (reason: Error) => void) {
    this.#directory = directory;
    this.#failed = failed;
  }

  start({ name, args, tie, profileDirectory }: ChildOptions): ChildProcess {
    const profiling = profileDirectory === null ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDirectory}`];
    return this.#spawn({ name, executable: process.execPath, args: [...profiling, ...args] }, tie);
  }

  startProgram(options: ProgramOptions): ChildProcess {
    return this.#spawn(options, null);
  }

  /** Asks all processes to end, and kills those that take too long. On return none is left. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const children = [...this.#running.keys()];
    for (const child of children) child.kill("SIGTERM");
    const impatience = setTimeout(() => {
      for (const child of this.#running.keys()) child.kill("SIGKILL");
    }, stopPatienceMs);
    await Promise.all(children.map((child) => this.#gone(child)));
    clearTimeout(impatience);
  }

  #spawn({ name, executable, args }: ProgramOptions, tie: ChildOptions["tie"] | null): ChildProcess {
    const log = openSync(this.#logFile(name), "a");
    const input = tie === "stdin" ? "pipe" : "ignore";
    const child = spawn(executable, args, {
      stdio: tie === "channel" ? ["ignore", log, log, "ipc"] : [input, log, log],
    });
    closeSync(log);
    this.#running.set(child, name);
    child.once("error", (reason) => this.#ended(child, reason.message));
    child.once("exit", (code, signal) => this.#ended(child, signal ?? `code ${code}`));
    return child;
  }

  #gone(child: ChildProcess): Promise<void> {
    return new Promise((resolve) => {
      if (this.#running.has(child)) child.once("exit", () => resolve());
      else resolve();
    });
  }

  #ended(child: ChildProcess, how: string): void {
    const name = this.#running.get(child);
    if (name === undefined) return;
    this.#running.delete(child);
    if (!this.#isStopping) this.#failed(new Error(`Process ${name} ended with ${how}\n${this.#lastLines(name)}`));
  }

  #lastLines(name: string): string {
    return readFileSync(this.#logFile(name), "utf8").trimEnd().split("\n").slice(-linesShown).join("\n");
  }

  #logFile(name: string): string {
    return join(this.#directory, `${name}.log`);
  }
}
