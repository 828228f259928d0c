// `bailiwick group freeze NAME`: hands off the application.

import type { CliCommand } from "../cli-command.ts";
import { exitCodes } from "../exit-codes.ts";
import { operatorName } from "../operator-name.ts";

interface GroupFreezeOptions {
  readonly group: string;
  readonly why: string | undefined;
}

export const groupFreeze: CliCommand<GroupFreezeOptions> = {
  name: "freeze",
  summary: "leave a group's application alone: no moves, no fail-over",
  arguments: [["<group>", "resource group"]],
  flags: [["--why <text>", "why; stands beside the group, at most 200 characters"]],
  help: `
The cluster moves, starts and stops nothing until the group is unfrozen, not even when its owner fails. The agent goes on
restarting a resource that fails, and stops the application when its right ends, as without a quorum. Keys are served as ever.
With -o json: {"header", "group"}.

Examples:
  $ bailiwick group freeze rg220 --why "upgrading postgres"
`,
  isWrite: true,
  parse: ([group = ""], flags) => ({ group, why: flags.text("why") }),
  async run({ client, output, deps, interrupted }, { group, why }) {
    const answer = await client.freezeGroup({ group, why, who: operatorName(deps) }, { signal: interrupted });
    output.print(answer, () => `${group} is frozen${why === undefined ? "" : `: ${why}`}\n`);
    return exitCodes.ok;
  },
};
