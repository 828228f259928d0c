// `bailiwick node list`: the nodes of the cluster.

import type { CliCommand } from "../cli-command.ts";
import { names, nodeHead, nodeRow } from "../cluster-text.ts";
import { exitCodes } from "../exit-codes.ts";

interface NodeListOptions {
  readonly askAll: boolean;
}

export const nodeList: CliCommand<NodeListOptions> = {
  name: "list",
  summary: "list nodes",
  arguments: [],
  flags: [["--all", "ask the sphere of every node for its status"]],
  help: `
A node knows the statuses of its own sphere of influence; of the others, without --all, only names and addresses: their
status is \`unknown\`. OWNER OF likewise lists only groups of the node that answers; \`bailiwick status\` shows all. With
-o json: {"header", "nodes", "unreachable"}.

Examples:
  $ bailiwick node list
  $ bailiwick node list --all -o json
`,
  isWrite: false,
  parse: (_, flags) => ({ askAll: flags.isSet("all") }),
  async run({ client, output, interrupted }, { askAll }) {
    const { header, nodes, unreachable } = await client.nodes({ askAll, signal: interrupted });
    const { colours } = output;
    output.print({ header, nodes, unreachable }, () =>
      output.rows(
        nodeHead,
        nodes.map((node) => nodeRow(node, colours)),
      ),
    );
    if (unreachable.length > 0) output.note(`did not answer: ${names(unreachable)}`);
    return exitCodes.ok;
  },
};
