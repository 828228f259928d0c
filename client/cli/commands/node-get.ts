// `bailiwick node get NAME`: one node, and what each of its groups has decided about it.

import type { CliCommand } from "../cli-command.ts";
import { names, orNothing, type PlainNode, statusWord, timeText, whyOf } from "../cluster-text.ts";
import { exitCodes } from "../exit-codes.ts";
import type { Output } from "../output.ts";

interface NodeGetOptions {
  readonly node: string;
}

export const nodeGet: CliCommand<NodeGetOptions> = {
  name: "get",
  summary: "show a node",
  arguments: [["<node>", "its name"]],
  flags: [],
  help: `
With -o json: {"header", "node", "unreachable"}; the node with its configuration.

Examples:
  $ bailiwick node get n208
  $ bailiwick node get n208 -o yaml
`,
  isWrite: false,
  parse: ([node = ""]) => ({ node }),
  async run({ client, output, interrupted }, { node }) {
    const answer = await client.node(node, { signal: interrupted });
    output.print(answer, () => nodeScreen(output, answer.node));
    if (answer.unreachable.length > 0) output.note(`did not answer: ${names(answer.unreachable)}`);
    return exitCodes.ok;
  },
};

function nodeScreen(output: Output, node: PlainNode): string {
  const { colours } = output;
  const facts = output.aligned(
    ["Node", node.name],
    [
      ["status", statusWord(node.recoveryStatus, colours)],
      ["why", whyOf(node)],
      ["since", timeText(node.since)],
      ["groups", names(node.groups)],
      ["owner of", names(node.manages)],
      ["manager of", names(node.leads)],
      ["cluster voter", node.clusterVoter ? "yes" : "no"],
      ["starts", String(node.bootNumber)],
      ["disk free", node.diskFreeBytes === 0 ? "unknown" : `${node.diskFreeBytes} bytes`],
      ["api address", orNothing(node.apiAddress)],
      ["peer addresses", names(node.peerAddresses)],
      ["identity", orNothing(node.identity)],
    ],
  );
  const rows = node.verdicts.map((one) => [
    one.group,
    statusWord(one.status, colours),
    timeText(one.time),
    orNothing(one.why),
  ]);
  return rows.length === 0 ? facts : `${facts}\n${output.aligned(["VERDICT OF", "STATUS", "TIME", "WHY"], rows)}`;
}
