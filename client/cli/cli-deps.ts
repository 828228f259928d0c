// What the command line is given by the program around it: everything of the world that it touches.

import type { Client } from "../client.ts";
import type { Program, ProgramSetting } from "./program-port.ts";

export interface ConnectOptions {
  /** `host:port` each. */
  readonly endpoints: readonly string[];
  readonly timeoutMs: number;
}

export interface CliDeps {
  /** Makes a client, without connecting yet. */
  readonly connect: (options: ConnectOptions) => Promise<Client>;
  /** Data. */
  readonly out: (data: string | Uint8Array) => void;
  /** Everything that is not data. */
  readonly err: (text: string) => void;
  /** @throws the error of the file system, with its `code` */
  readonly readFile: (path: string) => Promise<Uint8Array>;
  /** To its end. Rejects when aborted. */
  readonly readStdin: (signal: AbortSignal) => Promise<Uint8Array>;
  /** Starts a program that has this one's terminal. @throws {UsageError} */
  readonly startProgram: (command: readonly string[], setting: ProgramSetting) => Promise<Program>;
  /** Asks whoever sits before standard input, and returns the line that comes; empty when none does. Rejects when aborted. */
  readonly askLine: (question: string, signal: AbortSignal) => Promise<string>;
  /** Resolves after `ms`, or as soon as `signal` is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Wall clock, for people. */
  readonly nowMs: () => number;
  /** Whether a person reads the data: then tables have heads and colours. */
  readonly isTty: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C. Only commands that ask for it are ended by it gently. */
  readonly interrupted: () => AbortSignal;
  /** Of the software, for example `0.1.0`. */
  readonly version: string;
}
