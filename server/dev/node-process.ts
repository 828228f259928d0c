// One node of a `dev` cluster as a process of its own: `serve` under this very Node.js, in a process group of its own, so that
// Ctrl-C on the terminal reaches `dev` alone.

import { type ChildProcess, spawn } from "node:child_process";
import { open, readFile, stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { DbError, failure } from "../../proto/errors.ts";
import { nodeFile } from "./layout.ts";
import { type ProcessRecord, readStart, removeRecord, writeRecord } from "./process-record.ts";

const readyTimeoutMs = 60_000;
const stopTimeoutMs = 15_000;
const killTimeoutMs = 5_000;
const pollMs = 20;
const tailBytes = 2_000;

export interface LaunchOptions {
  readonly directory: string;
  readonly node: string;
  /** true: the node stops when this process ends, however it ends. */
  readonly isAttached: boolean;
  /** Script that is started with the arguments of `bailiwick`; by default the command itself. */
  readonly launcher?: string | undefined;
  /** The process has ended. */
  readonly onExit?: ((how: string) => void) | undefined;
}

/** Starts a node and waits until it serves. @throws {DbError} `condition_failed` with the end of its log when it does not */
export async function launch(options: LaunchOptions): Promise<ProcessRecord> {
  const { directory, node, isAttached } = options;
  const logFile = nodeFile(directory, node, "node.log");
  const log = await open(logFile, "a", 0o600);
  const { size } = await stat(logFile);
  const child = spawn(process.execPath, argumentsOf(options), {
    detached: true,
    stdio: [isAttached ? "pipe" : "ignore", "pipe", log.fd],
    env: withoutOwnVariables(process.env),
  });
  const ended = endOf(child);
  const recordFile = nodeFile(directory, node, "process.json");
  try {
    const record = { pid: child.pid ?? 0, startedAt: (await readStart(child.pid ?? 0)) ?? "" };
    await writeRecord(recordFile, record);
    await waitUntilReady(child, ended);
    void ended.then((how) => options.onExit?.(how));
    return record;
  } catch (reason) {
    child.kill("SIGKILL");
    await removeRecord(recordFile);
    const text = reason instanceof Error ? reason.message : String(reason);
    const said = await readTail(logFile, size);
    throw new DbError(failure("condition_failed", `Node ${node} did not start: ${text}${said}`, { node }));
  } finally {
    await log.close();
    child.stdout?.destroy();
    if (!isAttached) child.unref();
  }
}

/** SIGKILL: the node gets no chance to do anything more. */
export async function killProcess(record: ProcessRecord, file: string): Promise<void> {
  await signal(record, "SIGKILL");
  await waitForEnd(record, killTimeoutMs);
  await removeRecord(file);
}

/** SIGTERM, and SIGKILL when that does not end it. */
export async function stopProcess(record: ProcessRecord, file: string): Promise<void> {
  await signal(record, "SIGTERM");
  if (!(await waitForEnd(record, stopTimeoutMs))) await signal(record, "SIGKILL");
  await waitForEnd(record, killTimeoutMs);
  await removeRecord(file);
}

function argumentsOf({ directory, node, isAttached, launcher }: LaunchOptions): readonly string[] {
  const script = launcher ?? fileURLToPath(new URL("../bailiwick.mjs", import.meta.url));
  const command = [script, "serve", "-c", nodeFile(directory, node, "node.yaml")];
  return isAttached ? [...command, "--stop-with-stdin"] : command;
}

/** What is meant for one node on a machine would be given to each; the log level is for all. */
function withoutOwnVariables(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !name.startsWith("BAILIWICK_") || name === "BAILIWICK_LOG_LEVEL"),
  );
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (reason) => resolve(reason.message));
    child.once("exit", (code, by) =>
      resolve(by === null ? `it ended with exit code ${code}` : `it was ended by ${by}`),
    );
  });
}

async function waitUntilReady(child: ChildProcess, ended: Promise<string>): Promise<void> {
  const { stdout } = child;
  if (stdout === null) throw new Error("it has no output");
  const isReady = new Promise<null>((resolve) => {
    createInterface({ input: stdout }).on("line", (line) => {
      if (isReadiness(line)) resolve(null);
    });
  });
  const abort = new AbortController();
  const late = delay(readyTimeoutMs, `it was not ready within ${readyTimeoutMs} ms`, { signal: abort.signal });
  const problem = await Promise.race([isReady, ended, late]);
  abort.abort();
  await late.catch(() => {});
  if (problem !== null) throw new Error(problem);
}

function isReadiness(line: string): boolean {
  try {
    return (JSON.parse(line) as { ready?: unknown }).ready === true;
  } catch {
    return false;
  }
}

async function readTail(file: string, from: number): Promise<string> {
  const bytes = await readFile(file).catch(() => Buffer.alloc(0));
  const said = bytes.subarray(from).subarray(-tailBytes).toString("utf8").trim();
  return said === "" ? "" : `\n${said}`;
}

/** Nothing when the process has ended: its number may be somebody else's by now. */
async function signal({ pid, startedAt }: ProcessRecord, name: "SIGTERM" | "SIGKILL"): Promise<void> {
  if ((await readStart(pid)) !== startedAt) return;
  try {
    process.kill(pid, name);
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code !== "ESRCH") throw reason;
  }
}

async function waitForEnd({ pid, startedAt }: ProcessRecord, timeoutMs: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += pollMs) {
    if ((await readStart(pid)) !== startedAt) return true;
    await delay(pollMs);
  }
  return false;
}
