// `bailiwick node undrain NAME`: ends a drain.

import type { CliCommand } from "../cli-command.ts";
import { exitCodes } from "../exit-codes.ts";
import { noteSkipped } from "./node-drain.ts";

interface NodeUndrainOptions {
  readonly node: string;
  readonly skipUnavailable: boolean;
}

export const nodeUndrain: CliCommand<NodeUndrainOptions> = {
  name: "undrain",
  summary: "end a drain: the node may run applications again",
  arguments: [["<node>", "its name"]],
  flags: [["--skip-unavailable", "groups without a quorum follow when they have one, instead of refusing the whole"]],
  help: `
All groups of the node are told in one transaction, or none. Applications stay where they are until
fallback, or a failure, brings them back. With -o json: {"header", "node", "unreachable"}.

Examples:
  $ bailiwick node undrain n208
  $ bailiwick node undrain n208 --skip-unavailable
`,
  isWrite: true,
  parse: ([node = ""], flags) => ({ node, skipUnavailable: flags.isSet("skipUnavailable") }),
  async run({ client, output, interrupted }, { node, skipUnavailable }) {
    const answer = await client.undrainNode({ node, skipUnavailable }, { signal: interrupted });
    output.print(answer, () => `${node} is ${answer.node.recoveryStatus}\n`);
    noteSkipped(answer.unreachable, output);
    return exitCodes.ok;
  },
};
