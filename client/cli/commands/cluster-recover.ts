// `bailiwick cluster recover --from NODE --accept-data-loss`: the last resort of a cluster database without a quorum.

import type { CliCommand } from "../cli-command.ts";
import { names } from "../cluster-text.ts";
import { confirm, confirmFlag } from "../confirm.ts";
import { exitCodes } from "../exit-codes.ts";
import { UsageError } from "../usage-error.ts";

interface ClusterRecoverOptions {
  readonly from: string;
  readonly voters: readonly string[];
  readonly why: string | undefined;
  readonly confirmation: string | undefined;
  readonly validateOnly: boolean;
}

export const clusterRecover: CliCommand<ClusterRecoverOptions> = {
  name: "recover",
  summary: "have the cluster database go on from one node's copy when its quorum is lost for good",
  arguments: [],
  flags: [
    ["--from <node>", "the node whose copy becomes the cluster database; any node has one"],
    ["--voters <nodes>", "voters from then on, comma-separated, odd in number (default: of those that answer)"],
    ["--accept-data-loss", "what that node does not have is lost: new groups, changes of nodes, events"],
    ["--why <text>", "why; stands in the cluster's events"],
    confirmFlag,
    ["--dry-run", "say what would be lost and do nothing"],
  ],
  help: `
Without --voters there are as many as before where so many nodes answer, and always an odd number: a node that is alone votes
alone. Groups are not touched: they serve all the while, as long as each has its own quorum. Old voters that return follow the
new incarnation without a vote. Name one node, and wait: of two that go on apart from each other, one loses what it did.
Refused while the cluster database has a quorum. With -o json: {"header", "cluster", "losses"}.

Examples:
  $ bailiwick cluster recover --from n206 --dry-run
  $ bailiwick cluster recover --from n206 --accept-data-loss --why "racks 1 and 2 burnt down"
`,
  isWrite: true,
  parse(_, flags) {
    const from = flags.text("from");
    const validateOnly = flags.isSet("dryRun");
    if (from === undefined) throw new UsageError("Give --from, the node whose copy becomes the cluster database");
    if (!validateOnly && !flags.isSet("acceptDataLoss")) {
      throw new UsageError("Give --accept-data-loss, or --dry-run to see what would be lost");
    }
    const confirmation = flags.text("confirm");
    return { from, voters: flags.names("voters"), why: flags.text("why"), confirmation, validateOnly };
  },
  async run({ client, output, deps, interrupted }, { from, voters, why, confirmation, validateOnly }) {
    const recovery = { from, voters, why, confirmation: from, acceptDataLoss: !validateOnly };
    const options = { signal: interrupted };
    const check = await client.recoverCluster({ ...recovery, validateOnly: true }, options);
    if (validateOnly) {
      output.print(check, () => `Would go on from ${from} with voters ${names(check.cluster.voters)}\n`);
      for (const loss of check.losses) output.note(`${output.colours.yellow("warning:")} ${loss}`);
      return exitCodes.ok;
    }
    await confirm(
      { name: from, what: "node", given: confirmation, consequences: check.losses },
      { output, deps, interrupted },
    );
    const done = await client.recoverCluster(recovery, options);
    output.print(done, () => `The cluster database goes on from ${from}, voters ${names(done.cluster.voters)}\n`);
    return exitCodes.ok;
  },
};
