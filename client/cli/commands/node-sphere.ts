// `bailiwick node sphere NAME`: who shares a group with a node, and what it stores because of that.

import type { SphereAnswer } from "../../cluster-calls.ts";
import type { CliCommand } from "../cli-command.ts";
import { names, orNothing, statusWord, whyOf } from "../cluster-text.ts";
import { exitCodes } from "../exit-codes.ts";
import type { Output } from "../output.ts";

interface NodeSphereOptions {
  readonly node: string;
}

export const nodeSphere: CliCommand<NodeSphereOptions> = {
  name: "sphere",
  summary: "show a node's sphere of influence",
  arguments: [["<node>", "its name"]],
  flags: [],
  help: `
Every node that shares at least one group with it, their statuses as it holds them, its groups, and the groups interlocked
with these. With -o json: {"header", "node", "members", "groups", "statuses", "interlocked", "unreachable"}.

Examples:
  $ bailiwick node sphere n208
`,
  isWrite: false,
  parse: ([node = ""]) => ({ node }),
  async run({ client, output, interrupted }, { node }) {
    const answer = await client.sphere(node, { signal: interrupted });
    output.print(answer, () => sphereScreen(output, answer));
    if (answer.unreachable.length > 0)
      output.note(`did not answer: ${names(answer.unreachable)}; from the directory alone`);
    return exitCodes.ok;
  },
};

function sphereScreen(output: Output, { node, members, groups, statuses, interlocked }: SphereAnswer): string {
  const { colours } = output;
  const memberRows = members.map((member) => {
    const status = statuses.find(({ name }) => name === member);
    return [member, statusWord(status?.recoveryStatus ?? "", colours), status === undefined ? "-" : whyOf(status)];
  });
  const parts = [
    `${colours.bold("Sphere of")} ${node}\n${output.aligned(["MEMBER", "STATUS", "WHY"], memberRows)}`,
    output.aligned(
      ["GROUP", "OWNERS"],
      groups.map((group) => [group.group, names(group.owners)]),
    ),
  ];
  const interlockedRows = interlocked.map((one) => [
    one.group,
    names(one.sharedNodes),
    orNothing(one.currentOwner),
    names(one.owners),
  ]);
  if (interlocked.length > 0) {
    parts.push(output.aligned(["INTERLOCKED", "THROUGH", "CURRENT OWNER", "OWNERS"], interlockedRows));
  }
  return parts.join("\n");
}
