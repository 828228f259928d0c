// `bailiwick group clear-fault NAME`: someone has looked into why the application could not be started or stopped.

import type { CliCommand } from "../cli-command.ts";
import { type PlainGroup, placementText } from "../cluster-text.ts";
import { exitCodes } from "../exit-codes.ts";
import { operatorName } from "../operator-name.ts";
import type { Output } from "../output.ts";
import { whyFlag } from "../place-group.ts";

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
  async run({ client, output, deps, interrupted }, { group, forgetMoves, why }) {
    const wish = { group, forgetMoves, why, who: operatorName(deps) };
    const answer = await client.clearGroupError(wish, { signal: interrupted });
    output.print(answer, () => `Cleared the error of ${group}${standingOf(answer.group, output)}\n`);
    return exitCodes.ok;
  },
};

/** Until the policies have placed it again the group stands as if nothing had been cleared. */
function standingOf(group: PlainGroup, { colours }: Output): string {
  return group.ownershipState === "error" ? "" : `; now ${placementText(group, colours)}`;
}
