// `bailiwick group unfreeze NAME`: ends a freeze.

import type { CliCommand } from "../cli-command.ts";
import { exitCodes } from "../exit-codes.ts";
import { printPlaced } from "../place-group.ts";

interface GroupUnfreezeOptions {
  readonly group: string;
  readonly confirmedOnlyOn: string | undefined;
}

export const groupUnfreeze: CliCommand<GroupUnfreezeOptions> = {
  name: "unfreeze",
  summary: "end a freeze: the policies decide again",
  arguments: [["<group>", "resource group"]],
  flags: [["--confirmed-only-on <node>", "kept for fencing, which is not there yet: no effect"]],
  help: `
Ends what freeze began: what has failed meanwhile is moved now. --confirmed-only-on changes nothing yet: a right is always waited
for. Exit code 3: the group is not frozen. With -o json: {"header", "group"}.

Examples:
  $ bailiwick group unfreeze rg220
`,
  isWrite: true,
  parse: ([group = ""], flags) => ({ group, confirmedOnlyOn: flags.text("confirmedOnlyOn") }),
  async run(context, { group, confirmedOnlyOn }) {
    const { client, interrupted } = context;
    printPlaced(context, await client.unfreezeGroup({ group, confirmedOnlyOn }, { signal: interrupted }));
    return exitCodes.ok;
  },
};
