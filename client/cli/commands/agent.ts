// `bailiwick agent --node NAME`: runs the resources of the groups that a node owns, for as long as it owns them.

import type { CliCommand } from "../cli-command.ts";
import { exitCodes } from "../exit-codes.ts";
import { UsageError } from "../usage-error.ts";

interface AgentOptions {
  /** undefined: as the file says. */
  readonly node: string | undefined;
  readonly file: string;
}

export const defaultAgentFile = "/etc/bailiwick/agent.yaml";
export const agentFileFlag = ["-c, --config <file>", `the agent's own file (default: ${defaultAgentFile})`] as const;

export const agent: CliCommand<AgentOptions> = {
  name: "agent",
  summary: "start, watch and stop applications on this machine",
  arguments: [],
  flags: [["--node <name>", "the node that it works for (default: as the file says)"], agentFileFlag],
  help: `
Starts the resources of each group that its node owns, in the order of their dependencies, looks after them, and stops them
before the right to act runs out. A second process, the guard, does the last of that also when this one is stuck or gone; it
goes on by itself, and this program may be started again meanwhile without harm to what runs.

The file says what may be executed here. Nothing else ever is, whatever a group's configuration says:
  node: n202
  endpoints: [127.0.0.1:7401]        of this node's own server
  allow:
    exec: [/usr/local/lib/orders/ctl]
    systemd: [postgresql.service]
    ocf: ["heartbeat:IPaddr2"]
    environment: [ORDERS_PORT]       variables that a configuration may set

SIGTERM and Ctrl-C stop everything in order, and then this program; a second one has everything killed at once.

Examples:
  $ bailiwick agent --node n202 -c /etc/bailiwick/agent.yaml
`,
  isWrite: false,
  parse: (_, flags) => ({ node: flags.text("node"), file: flags.text("config") ?? defaultAgentFile }),
  async run({ deps, interrupted }, { node, file }) {
    const { runAgentOf } = await import("../../agent/run-agent-of.ts");
    const { loadAgentConfig } = await import("../../agent/agent-config.ts");
    const config = loadAgentConfig(file);
    if (node !== undefined && node !== config.node) {
      throw new UsageError(`--node is ${JSON.stringify(node)}, and ${file} is for ${JSON.stringify(config.node)}`);
    }
    const log = (line: string) => deps.err(`${new Date(deps.nowMs()).toISOString()} agent ${line}\n`);
    await runAgentOf(config, { leave: interrupted, log });
    return exitCodes.ok;
  },
};
