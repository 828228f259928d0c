// Runs one command line: reads it, gives the command what it works with, and turns what it throws into text and exit code.

import { type Command, CommanderError } from "commander";
import { DbError } from "../../proto/errors.ts";
import type { CliCommand } from "./cli-command.ts";
import type { CliDeps } from "./cli-deps.ts";
import { type ExitCode, exitCodes } from "./exit-codes.ts";
import { Flags } from "./flags.ts";
import { guessFormat, readConnectFlags, readOutputFlags } from "./global-flags.ts";
import { Output } from "./output.ts";
import { createProgram, type Parsed } from "./program.ts";
import { openChange, reportError, reportUsage } from "./report-error.ts";

/** For commands that others add: what they print through and end with. */
export interface CommandTools {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Prints data in the format of `-o`; `table` is called only for people, and ends its own lines. */
  readonly print: (value: unknown, table: () => string) => void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** Instead of 0, for a command that did its work and has bad news. */
  readonly setExitCode: (code: number) => void;
}

/** Adds commands to the program, which has the nouns `group` and `node` already. */
export type RegisterCommands = (program: Command, tools: CommandTools) => void;

/**
 * @param argv without the names of interpreter and program
 * @param register adds the commands that need more than a client; these may throw {@link DbError}
 * @returns what the process should end with
 */
export async function runCli(
  argv: readonly string[],
  deps: CliDeps,
  register: RegisterCommands = () => {},
): Promise<number> {
  const run = new CliRun(argv, deps);
  const program = createProgram(deps, (command, parsed) => run.command(command, parsed));
  program.hook("preAction", (_, action) => run.prepare(new Flags(action.optsWithGlobals())));
  register(program, run.tools());
  try {
    await program.parseAsync([...argv], { from: "user" });
    return run.exitCode;
  } catch (reason) {
    return run.fail(reason);
  }
}

class CliRun {
  readonly #deps: CliDeps;
  #output: Output;
  #exitCode: number = exitCodes.ok;
  #isWrite = false;
  #interrupted: AbortSignal | null = null;

  constructor(argv: readonly string[], deps: CliDeps) {
    this.#deps = deps;
    const { out, err, isTty } = deps;
    this.#output = new Output({ format: guessFormat(argv), isTty, isColoured: false, out, err, toYaml: String });
  }

  get exitCode(): number {
    return this.#exitCode;
  }

  /** Before any command runs: how it will print. */
  async prepare(flags: Flags): Promise<void> {
    const { out, err, isTty } = this.#deps;
    const { format, isColoured } = readOutputFlags(flags, this.#deps);
    const toYaml = format === "yaml" ? (await import("yaml")).stringify : String;
    this.#output = new Output({ format, isTty, isColoured, out, err, toYaml });
  }

  async command<Options>(command: CliCommand<Options>, { args, flags }: Parsed): Promise<void> {
    this.#isWrite = command.isWrite && !flags.isSet("dryRun");
    const options = command.parse(args, flags);
    const connection = readConnectFlags(flags, this.#deps);
    this.#interrupted = this.#deps.interrupted();
    await using client = await this.#deps.connect(connection);
    const context = { client, output: this.#output, deps: this.#deps, interrupted: this.#interrupted };
    this.#exitCode = await command.run(context, options);
  }

  tools(): CommandTools {
    const { out, err, env, version } = this.#deps;
    return {
      out,
      err,
      environment: env,
      version,
      print: (value, table) => this.#output.print(value, table),
      setExitCode: (code) => {
        this.#exitCode = code;
      },
    };
  }

  /** Says what went wrong. */
  fail(reason: unknown): ExitCode {
    if (this.#interrupted?.aborted === true) return this.#endInterrupted(reason);
    const { format, colours } = this.#output;
    if (reason instanceof CommanderError) return this.#failUsage(reason);
    const report = reportError(reason, { format, colours, isWrite: this.#isWrite });
    this.#deps.err(report.text);
    return report.exitCode;
  }

  /** Who asked for the end is told nothing that he knows; but what had been sent may go on without him. */
  #endInterrupted(reason: unknown): ExitCode {
    const isOpen = this.#isWrite && reason instanceof DbError && reason.effect === "unknown";
    if (isOpen) this.#output.note(`interrupted: ${openChange}`);
    return exitCodes.interrupted;
  }

  /** Help and version come as errors of code 0; help that nobody asked for has been printed and is wrong usage. */
  #failUsage({ code, exitCode, message }: CommanderError): ExitCode {
    if (exitCode === 0) return exitCodes.ok;
    const { format, colours } = this.#output;
    if (code !== "commander.help")
      this.#deps.err(reportUsage(message.replace(/^error: /, ""), { format, colours }).text);
    return exitCodes.usage;
  }
}
