// `bailiwick group recover NAME --from NODE --accept-data-loss`: the last resort of a group whose quorum is lost for good.

import type { CliCommand } from "../cli-command.ts";
import { names } from "../cluster-text.ts";
import { confirm, confirmFlag } from "../confirm.ts";
import { exitCodes } from "../exit-codes.ts";
import { UsageError } from "../usage-error.ts";

interface GroupRecoverOptions {
  readonly group: string;
  readonly from: string;
  readonly owners: readonly string[];
  readonly why: string | undefined;
  readonly confirmation: string | undefined;
  readonly validateOnly: boolean;
}

export const groupRecover: CliCommand<GroupRecoverOptions> = {
  name: "recover",
  summary: "have a group go on from one node's data when its quorum is lost for good",
  arguments: [["<group>", "resource group"]],
  flags: [
    ["--from <node>", "the node whose data becomes the group"],
    ["--owners <nodes>", "owner list from then on, comma-separated (default: that node and the owners that answer)"],
    ["--accept-data-loss", "what that node does not have is lost"],
    ["--why <text>", "why; stands in the cluster's events"],
    confirmFlag,
    ["--dry-run", "say what would be lost and do nothing"],
  ],
  help: `
The group begins a new incarnation, alone on that node, and takes the other owners in. Replicas of the old incarnation are
refused when they return, and removed. Never recover a group whose owners may come back: what they acknowledged is lost.
Refused while the group has a quorum. Needs the quorum of the cluster database; if that is lost too, recover the cluster
first. With -o json: {"header", "group", "losses"}.

Examples:
  $ bailiwick group recover orders --from n214 --dry-run
  $ bailiwick group recover orders --from n214 --accept-data-loss --why "rack 7 burnt down"
`,
  isWrite: true,
  parse([group = ""], flags) {
    const from = flags.text("from");
    const validateOnly = flags.isSet("dryRun");
    if (from === undefined) throw new UsageError("Give --from, the node whose data becomes the group");
    if (!validateOnly && !flags.isSet("acceptDataLoss")) {
      throw new UsageError("Give --accept-data-loss, or --dry-run to see what would be lost");
    }
    const confirmation = flags.text("confirm");
    return { group, from, owners: flags.names("owners"), why: flags.text("why"), confirmation, validateOnly };
  },
  async run({ client, output, deps, interrupted }, { group, from, owners, why, confirmation, validateOnly }) {
    const recovery = { group, from, owners, why, confirmation: group, acceptDataLoss: !validateOnly };
    const options = { signal: interrupted };
    const check = await client.recoverGroup({ ...recovery, validateOnly: true }, options);
    if (validateOnly) {
      output.print(check, () => `Would go on from ${from} with owners ${names(check.group.owners)}\n`);
      for (const loss of check.losses) output.note(`${output.colours.yellow("warning:")} ${loss}`);
      return exitCodes.ok;
    }
    await confirm(
      { name: group, what: "group", given: confirmation, consequences: check.losses },
      { output, deps, interrupted },
    );
    const done = await client.recoverGroup(recovery, options);
    output.print(done, () => {
      return `${group} goes on from ${from} as incarnation ${done.group.incarnation}, owners ${names(done.group.owners)}\n`;
    });
    return exitCodes.ok;
  },
};
