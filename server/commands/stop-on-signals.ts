// Ctrl-C of a command that runs a whole cluster.

import { type ExitCode, exitCodes } from "../../client/cli/exit-codes.ts";
import type { CommandTools } from "../../client/cli/run.ts";
import type { DevCluster } from "../dev/dev-cluster.ts";
import { onStopSignals } from "./signals.ts";

/** Ends the process when all nodes have stopped; a second signal does not wait, and nodes that are attached end with this process. */
export function stopOnSignals(
  cluster: DevCluster,
  { err }: CommandTools,
  { onStopping, exitCode = exitCodes.ok }: { readonly onStopping: () => void; readonly exitCode?: ExitCode },
): () => void {
  return onStopSignals((_signal, count) => {
    if (count > 1) process.exit(exitCodes.failed);
    onStopping();
    err("Stopping the nodes\n");
    cluster.stopAll().then(
      () => process.exit(exitCode),
      (reason: unknown) => {
        err(`bailiwick: The nodes did not all stop: ${String(reason)}\n`);
        process.exit(exitCodes.failed);
      },
    );
  });
}
