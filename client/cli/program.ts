// The command line as a program of commander: global flags, and the commands that need a client. Others are added by whoever
// has the code for them.

import { Command, Option } from "commander";
import type { CliCommand } from "./cli-command.ts";
import type { CliDeps } from "./cli-deps.ts";
import { agent } from "./commands/agent.ts";
import { clusterEvents } from "./commands/cluster-events.ts";
import { clusterRecover } from "./commands/cluster-recover.ts";
import { clusterStatus } from "./commands/cluster-status.ts";
import { groupClearError } from "./commands/group-clear-fault.ts";
import { groupCreate } from "./commands/group-create.ts";
import { groupExplain } from "./commands/group-explain.ts";
import { groupFreeze } from "./commands/group-freeze.ts";
import { groupGet } from "./commands/group-get.ts";
import { groupList } from "./commands/group-list.ts";
import { groupMove } from "./commands/group-move.ts";
import { groupRecover } from "./commands/group-recover.ts";
import { groupSetOwners } from "./commands/group-set-owners.ts";
import { groupStart } from "./commands/group-start.ts";
import { groupStop } from "./commands/group-stop.ts";
import { groupUnfreeze } from "./commands/group-unfreeze.ts";
import { keyDelete } from "./commands/key-delete.ts";
import { keyGet } from "./commands/key-get.ts";
import { keyList } from "./commands/key-list.ts";
import { keyPut } from "./commands/key-put.ts";
import { keyWatch } from "./commands/key-watch.ts";
import { leaseGet } from "./commands/lease-get.ts";
import { leaseGrant } from "./commands/lease-grant.ts";
import { leaseKeepAlive } from "./commands/lease-keep-alive.ts";
import { leaseList } from "./commands/lease-list.ts";
import { leaseRevoke } from "./commands/lease-revoke.ts";
import { lock } from "./commands/lock.ts";
import { nodeDrain } from "./commands/node-drain.ts";
import { nodeGet } from "./commands/node-get.ts";
import { nodeList } from "./commands/node-list.ts";
import { nodeSphere } from "./commands/node-sphere.ts";
import { nodeUndrain } from "./commands/node-undrain.ts";
import { resourceDebugStart } from "./commands/resource-debug-start.ts";
import { txn } from "./commands/txn.ts";
import { Flags } from "./flags.ts";
import { defaultEndpoint, defaultTimeout } from "./global-flags.ts";
import { formats } from "./output.ts";

/** Does the work of a command whose line has been read. */
export type RunCommand = <Options>(command: CliCommand<Options>, parsed: Parsed) => Promise<void>;

export interface Parsed {
  readonly args: readonly string[];
  /** The command's own and the global ones. */
  readonly flags: Flags;
}

const help = `
Output: tables for people; where standard output is no terminal, lists are tab-separated and without a head. JSON and YAML
have the field names of the API in camelCase and are a stable contract. Data goes to standard output, all else to standard
error. Keys and values are text where they are UTF-8; in JSON they are else in keyBase64 and valueBase64.

Exit codes: 0 done; 1 failed; 2 wrong usage or a refused argument; 3 not found, or a condition did not hold; 4 a change may
or may not have happened; 5 unavailable: nothing answered, or no quorum; 6 the lock was lost; 130 interrupted,
and a note says when a change may have happened all the same.

Environment: BAILIWICK_ENDPOINTS as --endpoints; NO_COLOR as --no-color; BAILIWICK_OPERATOR, else USER: who wants what of a group,
for its record.
`;

const groupHelp = `
Examples:
  $ bailiwick group list
  $ bailiwick group create orders --owners n202,n208,n214
  $ bailiwick group set-owners orders n204 n208 n214
  $ bailiwick group move orders --to n208 --wait
  $ bailiwick group explain orders
`;

const nodeHelp = `
Examples:
  $ bailiwick node list --all
  $ bailiwick node drain n208 --why "new disk" --wait
  $ bailiwick node init n208 --dir /etc/bailiwick
`;

const leaseHelp = `
Examples:
  $ bailiwick lease grant rg220 --ttl 30s
  $ bailiwick lease keep-alive rg220 7
`;

const resourceHelp = `
Examples:
  $ bailiwick resource debug-start orders postgres
`;

const clusterHelp = `
Examples:
  $ bailiwick cluster recover --from n206 --dry-run
`;

/** The program; it throws commander's `CommanderError` instead of leaving the process, and prints through `deps`. */
export function createProgram(deps: CliDeps, run: RunCommand): Command {
  const program = new Command("bailiwick");
  program
    .description("A replicated configuration database for highly available clusters")
    .version(deps.version)
    .exitOverride()
    .configureOutput({ writeOut: deps.out, writeErr: deps.err, outputError: () => {} })
    .configureHelp({ showGlobalOptions: true })
    .addOption(new Option("-o, --output <format>", "how data is printed").choices(formats).default("table"))
    .option("--endpoints <list>", `nodes to ask, host:port[,host:port...] (default: ${defaultEndpoint})`)
    .option("--timeout <time>", "for a call with its retries, such as 500ms, 5s, 2m", defaultTimeout)
    .option("--no-color", "no colours")
    .addHelpText("after", help);
  add(program, clusterStatus, run);
  add(program, clusterEvents, run);
  add(program, keyGet, run);
  add(program, keyPut, run);
  add(program, keyDelete, run);
  add(program, keyList, run);
  add(program, txn, run);
  add(program, keyWatch, run);
  add(program, lock, run);
  const lease = program.command("lease").description("leases of a group").addHelpText("after", leaseHelp);
  add(lease, leaseGrant, run);
  add(lease, leaseKeepAlive, run);
  add(lease, leaseRevoke, run);
  add(lease, leaseGet, run);
  add(lease, leaseList, run);
  const group = program.command("group").description("resource groups").addHelpText("after", groupHelp);
  add(group, groupList, run);
  add(group, groupGet, run);
  add(group, groupCreate, run);
  add(group, groupSetOwners, run);
  add(group, groupMove, run);
  add(group, groupStart, run);
  add(group, groupStop, run);
  add(group, groupFreeze, run);
  add(group, groupUnfreeze, run);
  add(group, groupClearError, run);
  add(group, groupExplain, run);
  add(group, groupRecover, run);
  const node = program.command("node").description("nodes of the cluster").addHelpText("after", nodeHelp);
  add(node, nodeList, run);
  add(node, nodeGet, run);
  add(node, nodeSphere, run);
  add(node, nodeDrain, run);
  add(node, nodeUndrain, run);
  const resource = program.command("resource").description("resources of groups").addHelpText("after", resourceHelp);
  add(resource, resourceDebugStart, run);
  add(program, agent, run);
  const cluster = program.command("cluster").description("the cluster database").addHelpText("after", clusterHelp);
  add(cluster, clusterRecover, run);
  return program;
}

function add<Options>(parent: Command, command: CliCommand<Options>, run: RunCommand): void {
  const added = parent.command(command.name).description(command.summary);
  for (const [syntax, description] of command.arguments) added.argument(syntax, description);
  for (const [syntax, description] of command.flags) added.option(syntax, description);
  added.addHelpText("after", command.help);
  added.action((...received: unknown[]) => {
    const given = received.slice(0, command.arguments.length).flat();
    const args = given.filter((arg): arg is string => typeof arg === "string");
    return run(command, { args, flags: new Flags(added.optsWithGlobals()) });
  });
}
