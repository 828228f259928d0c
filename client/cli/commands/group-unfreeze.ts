// `bailiwick group unfreeze NAME`: ends a freeze, and by an operator's word the right of an owner that nobody can make sure of.

import type { CliCommand, CliContext } from "../cli-command.ts";
import { confirm, confirmFlag } from "../confirm.ts";
import { exitCodes } from "../exit-codes.ts";
import { operatorName } from "../operator-name.ts";
import { printPlaced } from "../place-group.ts";

interface GroupUnfreezeOptions {
  readonly group: string;
  readonly confirmedOnlyOn: string | undefined;
  readonly why: string | undefined;
  readonly confirmation: string | undefined;
}

export const groupUnfreeze: CliCommand<GroupUnfreezeOptions> = {
  name: "unfreeze",
  summary: "end a freeze, or the right of an owner that is lost: the policies decide again",
  arguments: [["<group>", "resource group"]],
  flags: [
    ["--confirmed-only-on <node>", "an owner: you have made sure that the application runs nowhere but there"],
    ["--why <text>", "how you made sure; stands in the group's decisions"],
    confirmFlag,
  ],
  help: `
Ends what freeze began: what has failed meanwhile is moved now. With --confirmed-only-on it also ends the right of another
current owner, which counts as stopped from then on, and starts the application on the node that is named, if it can. That
is how a group goes on whose right has no end (lostQuorum: freeze) when its owner is lost and could not be fenced. Where the
application does run elsewhere, it runs twice then. You are asked to type the group's name. Exit code 3: the group is not
frozen and there is nothing to confirm, or the agent of its owner is heard. With -o json: {"header", "group"}.

Examples:
  $ bailiwick group unfreeze rg220
  $ bailiwick group unfreeze rg220 --confirmed-only-on n208 --why "n202 is unplugged"
`,
  isWrite: true,
  parse: ([group = ""], flags) => {
    const confirmedOnlyOn = flags.text("confirmedOnlyOn");
    return { group, confirmedOnlyOn, why: flags.text("why"), confirmation: flags.text("confirm") };
  },
  async run(context, options) {
    const { client, deps, interrupted } = context;
    const { group, why, confirmedOnlyOn } = options;
    const ifEpoch = confirmedOnlyOn === undefined ? undefined : await confirmEpoch(context, options);
    const wish = { group, confirmedOnlyOn, ifEpoch, why, who: operatorName(deps) };
    printPlaced(context, await client.unfreezeGroup(wish, { signal: interrupted }));
    return exitCodes.ok;
  },
};

/** What is confirmed is what the operator was shown. @returns the epoch for which it is */
async function confirmEpoch(
  { client, output, deps, interrupted }: CliContext,
  { group: name, confirmedOnlyOn, confirmation }: GroupUnfreezeOptions,
): Promise<number> {
  const { group } = await client.group(name, { signal: interrupted });
  const { currentOwner: owner, epoch } = group;
  const isEnded = owner !== "" && owner !== confirmedOnlyOn;
  const consequences = isEnded
    ? [`the right of ${owner} under epoch ${epoch} ends: if anything of ${name} still runs there, it runs twice`]
    : [];
  await confirm({ name, what: "group", given: confirmation, consequences }, { output, deps, interrupted });
  return epoch;
}
