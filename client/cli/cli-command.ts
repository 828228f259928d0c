// One command of the command line: what it takes, how that is read, and what it does. Each is a value in commands/, so that
// reading and doing are tested apart.

import type { Client } from "../client.ts";
import type { CliDeps } from "./cli-deps.ts";
import type { Flags } from "./flags.ts";
import type { Output } from "./output.ts";

/** As commander writes them, for example `<group>` or `--limit <n>`, and what it is. */
export type Described = readonly [syntax: string, description: string];

export interface CliCommand<Options> {
  readonly name: string;
  readonly summary: string;
  readonly arguments: readonly Described[];
  readonly flags: readonly Described[];
  /** What the summary does not say; examples begin with `  $ bailiwick`. */
  readonly help: string;
  /** Whether it changes something: then an unknown outcome has its own exit code. */
  readonly isWrite: boolean;
  /** @throws {UsageError} */
  readonly parse: (args: readonly string[], flags: Flags) => Options;
  /** @returns one of exit-codes.ts, or that of a program it has run. @throws {DbError | UnreachableError | UsageError} */
  readonly run: (context: CliContext, options: Options) => Promise<number>;
}

/** What a running command works with. */
export interface CliContext {
  readonly client: Client;
  readonly output: Output;
  readonly deps: CliDeps;
  /** Aborted by Ctrl-C. */
  readonly interrupted: AbortSignal;
}
