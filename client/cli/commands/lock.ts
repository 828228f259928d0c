// `bailiwick lock GROUP NAME -- COMMAND`: runs a program while it holds a lock.

import type { Lock } from "../../lock.ts";
import type { CliCommand, CliContext } from "../cli-command.ts";
import { exitCodes } from "../exit-codes.ts";
import { readTtl, ttlFlag } from "../lease-text.ts";
import type { Program } from "../program-port.ts";
import { untilAborted } from "../until-aborted.ts";

interface LockCommandOptions {
  readonly group: string;
  readonly name: string;
  readonly command: readonly string[];
  readonly ttlMs: number | undefined;
  readonly waitMs: number | undefined;
}

export const lock: CliCommand<LockCommandOptions> = {
  name: "lock",
  summary: "run a program while holding a lock",
  arguments: [
    ["<group>", "resource group"],
    ["<name>", "the lock"],
    ["<command...>", "program and arguments, behind --"],
  ],
  flags: [
    ttlFlag("10s"),
    ["--wait <time>", "give up when it is not free within this time (default: wait as long as it takes)"],
  ],
  help: `
Waits for the lock, behind all who asked before, runs COMMAND, releases the lock when it has ended, and ends with its exit code,
or with 128 + n when signal n ended it. COMMAND has in its environment:
  BAILIWICK_LOCK_TOKEN   grows with each holder: the fencing token, and the create revision of the key
  BAILIWICK_LOCK_GROUP, BAILIWICK_LOCK_KEY   what to compare with in a transaction, so that late writes are refused

When the lock is lost, because no node renewed its lease in time or somebody ended it, COMMAND gets SIGTERM, and SIGKILL when the
lease is over: that is a fifth of --ttl later, or at once when it has ended already. Then the exit code is 6. Only COMMAND itself
is ended, not what it has started in the background. SIGTERM is handed on; Ctrl-C reaches COMMAND from the terminal.

Exit codes of its own, before COMMAND runs: 2 also when it cannot be started; 5 when the lock was not free within --wait.

Examples:
  $ bailiwick lock rg220 backup -- ./backup.sh
  $ bailiwick lock rg220 backup --ttl 1m --wait 5s -- sh -c 'echo token $BAILIWICK_LOCK_TOKEN'
`,
  isWrite: false,
  parse: ([group = "", name = "", ...command], flags) => ({
    group,
    name,
    command,
    ttlMs: readTtl(flags),
    waitMs: flags.durationMs("wait"),
  }),
  async run(context, { group, name, command, ttlMs, waitMs }) {
    const { client, deps, interrupted } = context;
    await using held = await client.lock(group, name, { ttlMs, waitMs, signal: interrupted });
    const program = await deps.startProgram(command, { environment: { ...deps.env, ...environmentOf(held) } });
    // What came before the program was there is not handed on to it by whoever started it.
    if (interrupted.aborted) program.kill("SIGTERM");
    const end = await Promise.race([program.ended, untilAborted(held.lost)]);
    if (end !== undefined && held.isHeld) return end.code ?? 128 + end.signalNumber;
    await stop(context, program, held);
    return exitCodes.lost;
  },
};

function environmentOf({ group, key, token }: Lock): Readonly<Record<string, string>> {
  return { BAILIWICK_LOCK_TOKEN: `${token}`, BAILIWICK_LOCK_GROUP: group, BAILIWICK_LOCK_KEY: key };
}

/** Ends the program before somebody else has the lock. It may have ended by itself, before anybody noticed. */
async function stop({ output, deps }: CliContext, program: Program, held: Lock): Promise<void> {
  await untilAborted(held.lost);
  const reason = held.lost.reason as Error;
  output.note(`${output.colours.red("error:")} the lock ${held.name} is lost: ${reason.message}`);
  const ended = new AbortController();
  program.kill("SIGTERM");
  const killing = deps.sleep(held.remainingMs, ended.signal).then(() => {
    if (!ended.signal.aborted) program.kill("SIGKILL");
  });
  await program.ended;
  ended.abort();
  await killing;
}
