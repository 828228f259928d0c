// `bailiwick status [--watch]`: the cluster on one screen.

import type { Client } from "../../client.ts";
import type { StatusAnswer } from "../../cluster-calls.ts";
import { toClientError } from "../../unreachable-error.ts";
import type { CliCommand, CliContext } from "../cli-command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { type ScreenEvents, statusScreen } from "../status-screen.ts";

interface StatusOptions {
  readonly isWatching: boolean;
  readonly intervalMs: number;
}

interface Gathered {
  readonly status: StatusAnswer;
  readonly events: ScreenEvents;
}

export const clusterStatus: CliCommand<StatusOptions> = {
  name: "status",
  summary: "show nodes, groups, owners, quorum and last events",
  arguments: [],
  flags: [
    ["-w, --watch", "show it again and again until Ctrl-C"],
    ["--interval <time>", "with --watch: how often (default: 2s)"],
  ],
  help: `
Asks one node, which asks the others; what does not answer is named and not waited for. QUORUM is votes up of all votes.
Exit code 0 says that there is an answer, not that all is well. With -o json: cluster, nodes, groups, pending, failures,
unreachable, unreachableGroups, answeredAt as in the API, and events, newest first; events is null when they could not be
asked for. With --watch JSON is one line each time.

Examples:
  $ bailiwick status
  $ bailiwick status --watch --interval 1s
  $ bailiwick status -o json
`,
  isWrite: false,
  parse: (_, flags) => ({ isWatching: flags.isSet("watch"), intervalMs: flags.durationMs("interval") ?? 2_000 }),
  async run(context, { isWatching, intervalMs }) {
    if (isWatching) return watchStatus(context, intervalMs);
    const { client, output, interrupted } = context;
    const gathered = await gather(client, interrupted);
    output.print(toJson(gathered), () => statusScreen(output, gathered.status, gathered.events));
    return exitCodes.ok;
  },
};

/** Goes on when nothing answers: that too is something to watch. */
async function watchStatus({ client, output, deps, interrupted }: CliContext, intervalMs: number): Promise<ExitCode> {
  if (output.isTty && output.format === "table") deps.out(clearScreen);
  while (!interrupted.aborted) {
    try {
      const gathered = await gather(client, interrupted);
      output.printNext(toJson(gathered), () => {
        const text = statusScreen(output, gathered.status, gathered.events);
        return output.isTty ? inPlace(text) : `${text}\n`;
      });
    } catch (reason) {
      if (interrupted.aborted) break;
      const { message, code } = toClientError(reason);
      output.note(`${new Date(deps.nowMs()).toISOString()} ${message} (${code})`);
    }
    await deps.sleep(intervalMs, interrupted);
  }
  return exitCodes.interrupted;
}

const clearScreen = "\u001b[2J";

/** Overwrites the screen from its top and clears the rest of each line and of the screen: no flicker. */
function inPlace(text: string): string {
  return `\u001b[H${text.replaceAll("\n", "\u001b[K\n")}\u001b[J`;
}

const eventsAsked = 100;

async function gather(client: Client, signal: AbortSignal): Promise<Gathered> {
  const events = client.clusterEvents({ limit: eventsAsked, signal }).catch((reason: unknown) => ({
    failed: toClientError(reason).message,
  }));
  return { status: await client.status({ signal }), events: await events };
}

function toJson({ status, events }: Gathered) {
  return { ...status, events: "failed" in events ? null : events.events };
}
