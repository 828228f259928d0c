// The command line as its users have it: one process, its exit code and what it printed.

import { spawn } from "node:child_process";
import { launcher } from "./program.ts";

const timeoutMs = 60_000;

export interface Result {
  /** null: ended by a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  readonly pid: number;
  /** What it has printed so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly signal: (name: NodeJS.Signals) => void;
  /** Nobody reads any more what it says there. */
  readonly closeStderr: () => void;
  readonly ended: Promise<Result>;
}

interface CommandOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
  /** Absent: the `bailiwick` command. */
  readonly script?: string;
}

/** Runs `bailiwick` with these arguments to its end. */
export function bailiwick(args: readonly string[], options: CommandOptions = {}): Promise<Result> {
  return startCommand(args, options).ended;
}

/** The last line of an error as `-o json` has it. */
export interface ToldError {
  readonly code: string;
  readonly message: string;
  readonly effect: string;
}

/** What a command that failed under `-o json` has told. */
export function errorOf({ stderr }: Result): ToldError {
  const line = stderr.trim().split("\n").at(-1) ?? "";
  try {
    return (JSON.parse(line) as { readonly error: ToldError }).error;
  } catch {
    throw new Error(`No error in JSON at the end of: ${stderr}`);
  }
}

/** Starts it, without any input; it is killed when it has not ended after a minute, and when this process ends. */
export function startCommand(args: readonly string[], options: CommandOptions = {}): RunningCommand {
  const { environment = {}, directory, script = launcher } = options;
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1", ...environment },
    ...(directory === undefined ? {} : { cwd: directory }),
  });
  const killer = () => child.kill("SIGKILL");
  process.once("exit", killer);
  const timer = setTimeout(killer, timeoutMs);
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
    });
  }
  const ended = new Promise<Result>((resolve) => {
    child.once("close", (code) => {
      process.off("exit", killer);
      clearTimeout(timer);
      resolve({ code, ...texts });
    });
  });
  return {
    pid: child.pid ?? 0,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    signal: (name) => child.kill(name),
    closeStderr: () => void child.stderr.destroy(),
    ended,
  };
}
