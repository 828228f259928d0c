// Runs programs: each in a session of its own, so that a time-out ends it with all that it has started. What a program says on
// standard error is kept in a file, because what it has left running may go on writing there.

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, fstatSync, mkdirSync, openSync, readSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { type Command, reasonIn, shortened } from "./actions.ts";
import { agentLimits } from "./agent-limits.ts";
import type { ActionOutcome } from "./run-spec.ts";

/** A program under way. */
export interface Running {
  readonly ended: Promise<ActionOutcome>;
  /** To it and all that is in its session's first process group; does nothing once it has ended. */
  readonly signal: (signal: "SIGTERM" | "SIGKILL") => void;
}

export interface Execution extends Running {
  /** It was killed and told as ended, and is still there. */
  readonly isLeft: () => boolean;
}

/** Of every program of a resource. */
export const workingDirectory = "/";

/** Runs it to its end, or to its time-out: what SIGKILL does not end is waited for no longer. @param stderrFile replaced */
export function execute(command: Command, stderrFile: string): Execution {
  const stderr = openAnew(stderrFile);
  const startMs = performance.now();
  const child = start(command, [
    "ignore",
    command.isOutputRead === true && stderr !== null ? stderr : "ignore",
    stderr ?? "ignore",
  ]);
  let isLate = false;
  const { signal, outlived, isLeft } = killing(child);
  const timer = setTimeout(() => {
    isLate = true;
    signal("SIGKILL");
  }, command.timeoutMs);
  const ended = Promise.race([endOf(child, command), outlived]).then((end): ActionOutcome => {
    clearTimeout(timer);
    const isNothing = stderr === null || (command.isOutputRead === true && end.exitStatus === 0);
    const said = isNothing ? "" : reasonIn(readEnd(stderr));
    if (stderr !== null) closeSync(stderr);
    return { ...end, isLate, why: end.why === "" ? said : end.why, tookMs: performance.now() - startMs };
  });
  return { ended, signal, isLeft };
}

/** SIGKILL ends nothing that the system holds: that waits for a device or a server, or is frozen. */
function killing(child: ChildProcess | Error): Omit<Execution, "ended"> & { readonly outlived: Promise<End> } {
  const { promise: outlived, resolve } = Promise.withResolvers<End>();
  const send = signaller(child);
  let isOver = false;
  const giveUp = () => {
    isOver = true;
    // It keeps no agent from ending.
    if (!(child instanceof Error)) child.unref();
    resolve({ exitStatus: null, isExecuted: true, why: "It was killed, and has not ended" });
  };
  const signal: Running["signal"] = (name) => {
    send(name);
    if (name === "SIGKILL") setTimeout(giveUp, agentLimits.killPatienceMs).unref();
  };
  return { signal, outlived, isLeft: () => isOver && !(child instanceof Error) && !hasEnded(child) };
}

/** A program that is the application itself: its output goes where this process has its own. */
export function executeForeground(command: Command): Foreground {
  const startMs = performance.now();
  const child = start(command, ["ignore", "inherit", "inherit"]);
  const tookMs = () => performance.now() - startMs;
  if (!(child instanceof Error)) child.once("exit", () => killRest(child));
  const ended = endOf(child, command).then((end) => ({ ...end, isLate: false, tookMs: tookMs() }));
  const spawned = new Promise<ActionOutcome>((resolve) => {
    const outcome = { exitStatus: 0, isExecuted: true, isLate: false, why: "" };
    if (child instanceof Error) return;
    child.once("spawn", () => resolve({ ...outcome, tookMs: tookMs() }));
  });
  const pid = child instanceof Error ? null : (child.pid ?? null);
  return { pid, ended, started: Promise.race([spawned, ended]), signal: signaller(child) };
}

export interface Foreground extends Running {
  /** null: there is none. */
  readonly pid: number | null;
  readonly started: Promise<ActionOutcome>;
}

/** @returns the error where it cannot even be tried, for example because of a byte 0 in an argument */
function start(
  { file, args, environment }: Command,
  stdio: readonly ["ignore", number | "ignore" | "inherit", number | "inherit" | "ignore"],
): ChildProcess | Error {
  try {
    return spawn(file, [...args], {
      cwd: workingDirectory,
      detached: true,
      env: { ...environment },
      stdio: [...stdio],
    });
  } catch (reason) {
    return reason instanceof Error ? reason : new Error(String(reason));
  }
}

function signaller(child: ChildProcess | Error): Running["signal"] {
  return (signal) => {
    if (child instanceof Error || child.pid === undefined || hasEnded(child)) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It has ended at this moment.
    }
  };
}

/** Of the process group of a leader that has ended: not all of it may bear the mark that it would be found by. */
function killRest({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing is left.
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

type End = Pick<ActionOutcome, "exitStatus" | "isExecuted" | "why">;

/** Not the end of its output, which what it has started may hold open. */
function endOf(child: ChildProcess | Error, { file }: Command): Promise<End> {
  const impossible = (reason: Error) => {
    const code = "code" in reason ? String(reason.code) : reason.message;
    return { exitStatus: 5, isExecuted: false, why: shortened(`Cannot execute ${file}: ${code}`) };
  };
  if (child instanceof Error) return Promise.resolve(impossible(child));
  return new Promise((resolve) => {
    child.once("error", (reason) => {
      if (child.pid === undefined) resolve(impossible(reason));
    });
    child.once("exit", (code, signal) => {
      resolve({ exitStatus: code, isExecuted: true, why: signal === null ? "" : `Ended by ${signal}` });
    });
  });
}

/** @returns null when there can be none: what a program says is worth less than that it is run */
function openAnew(file: string): number | null {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    // What still writes to the one before keeps that.
    rmSync(file, { force: true });
    return openSync(file, "ax+", 0o600);
  } catch {
    return null;
  }
}

function readEnd(file: number): string {
  const { size } = fstatSync(file);
  const length = Math.min(size, agentLimits.stderrBytesMax);
  const bytes = Buffer.alloc(length);
  readSync(file, bytes, 0, length, size - length);
  return bytes.toString("utf8");
}
