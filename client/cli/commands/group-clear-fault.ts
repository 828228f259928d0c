// `bailiwick group clear-fault NAME`: someone has looked into why the application could not be started or stopped.

import type { CliCommand } from "../cli-command.ts";
import { exitCodes } from "../exit-codes.ts";
import { operatorName } from "../operator-name.ts";
import { printPlaced, whyFlag } from "../place-group.ts";

interface GroupClearErrorOptions {
  readonly group: string;
  readonly forgetMoves: boolean;
  readonly why: string | undefined;
}

export const groupClearError: CliCommand<GroupClearErrorOptions> = {
  name: "clear-fault",
  summary: "end a group's error state: the policies place it again",
  arguments: [["<group>", "resource group"]],
  flags: [["--forget-moves", "forget the moves that the anti-flap limit has counted, too"], whyFlag],
  help: `
Clear an error when its cause is gone: owners on which the application has failed are tried again, also while it runs on
another one. \`bailiwick group explain\` says what failed. Exit code 3: it has failed nowhere. With -o json: {"header", "group"}.

Examples:
  $ bailiwick group clear-fault rg220
  $ bailiwick group clear-fault rg220 --forget-moves
`,
  isWrite: true,
  parse: ([group = ""], flags) => ({ group, forgetMoves: flags.isSet("forgetMoves"), why: flags.text("why") }),
  async run(context, { group, forgetMoves, why }) {
    const { client, deps, interrupted: signal } = context;
    const cleared = { group, forgetMoves, why, who: operatorName(deps) };
    printPlaced(context, await client.clearGroupError(cleared, { signal }));
    return exitCodes.ok;
  },
};
