// `bailiwick resource debug-start GROUP RESOURCE`: runs an action of a resource by hand, on this machine, with its output on
// the terminal. For whoever looks for the reason why it does not start.

import { judge, reasonIn } from "../../agent/actions.ts";
import type { Action, ActionOutcome, ResourceSpec } from "../../agent/run-spec.ts";
import type { CliCommand, CliContext } from "../cli-command.ts";
import { exitCodes } from "../exit-codes.ts";
import { UsageError } from "../usage-error.ts";
import { agentFileFlag, defaultAgentFile } from "./agent.ts";

interface DebugStartOptions {
  readonly group: string;
  readonly resource: string;
  readonly file: string;
  readonly action: Action;
  readonly isForced: boolean;
}

const actions: readonly Action[] = ["start", "stop", "monitor"];

export const resourceDebugStart: CliCommand<DebugStartOptions> = {
  name: "debug-start",
  summary: "run an action of a resource by hand, on this machine",
  arguments: [
    ["<group>", "resource group"],
    ["<resource>", "a resource of it"],
  ],
  flags: [
    agentFileFlag,
    ["--action <action>", "start, stop or monitor (default: start)"],
    ["--force", "also while an owner runs the group, or may"],
  ],
  help: `
Executes what the agent of this machine would, with the same arguments and limits of agent.yaml, in / and with nothing of your
environment but PATH, HOME, LANG and TZ, and prints what it says and how it ends. The agent knows nothing of it: stop what you have
started with --action stop. Refused while the group runs somewhere, or may: two of a kind would run.

Examples:
  $ bailiwick resource debug-start orders postgres
  $ bailiwick resource debug-start orders postgres --action monitor
`,
  isWrite: false,
  parse: ([group = "", resource = ""], flags) => ({
    group,
    resource,
    file: flags.text("config") ?? defaultAgentFile,
    action: readAction(flags.text("action") ?? "start"),
    isForced: flags.isSet("force"),
  }),
  async run(context, options) {
    if (!options.isForced && options.action === "start") await checkIdle(context, options.group);
    const { prepareByHand } = await import("../../agent/by-hand.ts");
    const prepared = await prepareByHand(options);
    if (prepared.type === "refused") throw new UsageError(prepared.why);
    return perform(context, options, prepared);
  },
};

function readAction(text: string): Action {
  const action = actions.find((one) => one === text);
  if (action === undefined) throw new UsageError(`--action is ${JSON.stringify(text)}, not ${actions.join(", ")}`);
  return action;
}

async function checkIdle({ client, interrupted }: CliContext, name: string): Promise<void> {
  const { group } = await client.group(name, { signal: interrupted });
  const { ownershipState: state, currentOwner, resources } = group;
  if (state === "offline" || currentOwner === "") return;
  // Of an application in error some resources may run: the epoch of one that certainly does not is 0.
  const isStopped = resources.length > 0 && resources.every(({ epoch }) => Number(epoch) === 0);
  if (state === "error" && isStopped) return;
  throw new UsageError(`${name} is ${state} on ${currentOwner}: stop it first, or give --force`);
}

interface Prepared {
  readonly resource: ResourceSpec;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly isOutputRead: boolean;
}

async function perform(
  { deps, output, interrupted }: CliContext,
  { action }: DebugStartOptions,
  { resource, command, environment, directory, isOutputRead }: Prepared,
): Promise<number> {
  output.note(`$ ${command.join(" ")}`);
  let said = "";
  const hear = (text: string) => {
    said += text;
    deps.out(text);
  };
  const program = await deps.startProgram(command, { environment, directory, ...(isOutputRead ? { hear } : {}) });
  if (interrupted.aborted) program.kill("SIGTERM");
  const { code, signalNumber } = await program.ended;
  const outcome: ActionOutcome = { exitStatus: code, isExecuted: true, isLate: false, why: reasonIn(said), tookMs: 0 };
  const verdict = judge(action, resource, outcome);
  const how = code === null ? `signal ${signalNumber}` : `exit status ${code}`;
  output.print({ action, resource: resource.name, exitStatus: code, verdict: verdict.type }, () => {
    return `${action} of ${resource.name}: ${how}, ${meaning[verdict.type]}\n`;
  });
  return verdict.type === "failed" ? exitCodes.failed : exitCodes.ok;
}

const meaning = {
  ok: "as it should be",
  degraded: "works, with a warning",
  notRunning: "cleanly stopped",
  failed: "failed",
} as const;
