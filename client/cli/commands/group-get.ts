// `bailiwick group get NAME`: one group, and all that its owners say of it.

import type { CliCommand } from "../cli-command.ts";
import {
  disputeText,
  names,
  nothing,
  orNothing,
  type PlainGroup,
  quorumText,
  statusWord,
  timeText,
} from "../cluster-text.ts";
import { exitCodes } from "../exit-codes.ts";
import type { Output } from "../output.ts";

interface GroupGetOptions {
  readonly group: string;
  readonly isLocal: boolean;
}

export const groupGet: CliCommand<GroupGetOptions> = {
  name: "get",
  summary: "show a resource group",
  arguments: [["<group>", "resource group"]],
  flags: [["--local", "what one owner has, without asking the quorum: may be stale"]],
  help: `
With -o json: {"header", "group", "unreachable"}; the group with its configuration.

Examples:
  $ bailiwick group get rg220
  $ bailiwick group get rg220 -o yaml
`,
  isWrite: false,
  parse: ([group = ""], flags) => ({ group, isLocal: flags.isSet("local") }),
  async run({ client, output, interrupted }, { group: name, isLocal }) {
    const consistency = isLocal ? "local" : "linearizable";
    const answer = await client.group(name, { consistency, signal: interrupted });
    output.print(answer, () => groupScreen(output, answer.group));
    if (answer.unreachable.length > 0) output.note(`did not answer: ${names(answer.unreachable)}`);
    return exitCodes.ok;
  },
};

function groupScreen(output: Output, group: PlainGroup): string {
  const parts = [facts(output, group), owners(output, group), interlocked(output, group)];
  return parts.filter((part) => part !== "").join("\n");
}

function facts(output: Output, group: PlainGroup): string {
  const { colours } = output;
  const dispute = disputeText(group);
  const hindrance = group.quorum?.hindrance ?? "";
  const advisory = group.ownershipAdvisory ? colours.dim(" (advisory)") : "";
  return output.aligned(
    ["Group", group.name],
    [
      ["incarnation", String(group.incarnation)],
      ["current owner", `${orNothing(group.currentOwner)}${advisory}`],
      ["state", statusWord(group.ownershipState, colours)],
      ["epoch", String(group.epoch)],
      ["manager", orNothing(group.manager)],
      ["quorum", quorumText(group.quorum, colours)],
      ["missing", names(group.quorum?.missing ?? [])],
      ...(hindrance === "" ? [] : [["members", colours.red(hindrance)]]),
      ["revision", `${group.revision}, history from ${group.compactedRevision}`],
      ["since", timeText(group.since)],
      ["why", orNothing(group.why)],
      ...(dispute === "" ? [] : [["writes", colours.red(dispute)]]),
    ],
  );
}

/** What the group has decided about each owner, and how far each has come. */
function owners(output: Output, group: PlainGroup): string {
  const rows = group.owners.map((owner) => {
    const verdict = group.verdicts.find(({ node }) => node === owner);
    const replica = group.replicas.find(({ node }) => node === owner);
    const matched = replica === undefined ? nothing : String(replica.matchedIndex);
    return [owner, statusWord(verdict?.status ?? "", output.colours), matched, orNothing(verdict?.why)];
  });
  return output.aligned(["OWNER", "STATUS", "MATCHED", "WHY"], rows);
}

function interlocked(output: Output, group: PlainGroup): string {
  if (group.interlocked.length === 0) return "";
  const rows = group.interlocked.map((one) => [one.group, names(one.sharedNodes), orNothing(one.currentOwner)]);
  return output.aligned(["INTERLOCKED", "THROUGH", "CURRENT OWNER"], rows);
}
