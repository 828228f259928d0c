// `bailiwick node drain NAME`: moves all applications off a node and keeps them off.

import type { NodeDrained } from "../../cluster-calls.ts";
import type { CliCommand } from "../cli-command.ts";
import { names, orNothing } from "../cluster-text.ts";
import { exitCodes } from "../exit-codes.ts";
import type { Output } from "../output.ts";

interface NodeDrainOptions {
  readonly node: string;
  readonly why: string | undefined;
  readonly skipUnavailable: boolean;
  readonly wait: boolean;
  readonly validateOnly: boolean;
}

export const nodeDrain: CliCommand<NodeDrainOptions> = {
  name: "drain",
  summary: "move all applications off a node and keep them off",
  arguments: [["<node>", "its name"]],
  flags: [
    ["--why <text>", "why; stands in the cluster's events and beside the node's status"],
    ["--skip-unavailable", "groups without a quorum follow when they have one, instead of refusing the whole"],
    ["--wait", "until nothing runs there any more, within --timeout"],
    ["--dry-run", "say where its applications would go and do nothing"],
  ],
  help: `
All groups of the node are told in one transaction, or none. Each moves its application to the owner that its policies choose;
where none can take it it stays, and the node goes on draining until one can. A drained node shows maintenance: it votes and
stores as before, and runs no application until it is undrained. It may be restarted meanwhile. Repeating the command is
harmless. With -o json: {"header", "node", "moves", "unreachable"}. Exit code 1 with --wait when applications are still there.

Examples:
  $ bailiwick node drain n208 --why "new disk" --wait --timeout 1m
  $ bailiwick node drain n208 --dry-run
  $ bailiwick node drain n208 --skip-unavailable
`,
  isWrite: true,
  parse: ([node = ""], flags) => ({
    node,
    why: flags.text("why"),
    skipUnavailable: flags.isSet("skipUnavailable"),
    wait: flags.isSet("wait"),
    validateOnly: flags.isSet("dryRun"),
  }),
  async run({ client, output, interrupted }, { node, why, skipUnavailable, wait, validateOnly }) {
    const answer = await client.drainNode({ node, why, skipUnavailable, wait, validateOnly }, { signal: interrupted });
    output.print(answer, () => screenOf(answer, { node, validateOnly }, output));
    noteSkipped(answer.unreachable, output);
    const { manages } = answer.node;
    const isLeft = wait && !validateOnly && manages.length > 0;
    if (isLeft) output.note(`still on ${node}: the applications of ${names(manages)}`);
    return isLeft ? exitCodes.failed : exitCodes.ok;
  },
};

/** Who has still to hear of it. */
export function noteSkipped(unreachable: readonly string[], output: Output): void {
  const warning = output.colours.yellow("warning:");
  const groups = unreachable.filter((group) => group !== "cluster");
  if (groups.length > 0) output.note(`${warning} no quorum yet, will follow: ${names(groups)}`);
  if (groups.length < unreachable.length) output.note(`${warning} the cluster database has no quorum to record it`);
}

function screenOf(
  { node, moves }: NodeDrained,
  { node: name, validateOnly }: { readonly node: string; readonly validateOnly: boolean },
  output: Output,
): string {
  const head = validateOnly ? `${name} would be drained\n` : `${name} is ${node.recoveryStatus}\n`;
  const rows = moves.map(({ group, from, to, why }) => [group, from, orNothing(to), why]);
  return rows.length === 0 ? head : `${head}\n${output.aligned(["GROUP", "FROM", "TO", "WHY"], rows)}`;
}
