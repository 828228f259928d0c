// What cannot be undone is done once the operator has typed the name of what it befalls.

import type { CliContext } from "./cli-command.ts";
import { UsageError } from "./usage-error.ts";

interface Danger {
  /** The name to type. */
  readonly name: string;
  /** For example `group`. */
  readonly what: string;
  /** What was given with `--confirm`; then nobody is asked. */
  readonly given: string | undefined;
  /** What will be so, a sentence each. */
  readonly consequences: readonly string[];
}

/** @throws {UsageError} when it is another name, or none */
export async function confirm(
  { name, what, given, consequences }: Danger,
  { output, deps, interrupted }: Pick<CliContext, "output" | "deps" | "interrupted">,
): Promise<void> {
  for (const consequence of consequences) output.note(`${output.colours.yellow("warning:")} ${consequence}`);
  const typed = given ?? (await deps.askLine(`Type the name of the ${what} to go on: `, interrupted)).trim();
  if (typed === name) return;
  throw new UsageError(`Nothing was done: ${JSON.stringify(typed)} is not the name of the ${what}, ${name}`);
}

/** The flag whose value is `given`. */
export const confirmFlag = ["--confirm <name>", "the name once more, for scripts: nobody is asked to type it"] as const;
