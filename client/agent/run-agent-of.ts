// An agent put together for this process: its clock, its calls, and the signal that forces it.

import { existsSync } from "node:fs";
import { DbError, failure } from "../../proto/errors.ts";
import { runAgent } from "./agent.ts";
import { AgentCalls } from "./agent-calls.ts";
import type { AgentConfig } from "./agent-config.ts";
import { bootClock } from "./boot-clock.ts";

/**
 * Runs until `leave` is aborted and everything is stopped.
 *
 * @throws {DbError} `condition_failed`: this is not Linux, no guard can be started, or another agent runs here
 */
export async function runAgentOf(
  config: AgentConfig,
  { leave, log }: { readonly leave: AbortSignal; readonly log: (line: string) => void },
): Promise<void> {
  if (!existsSync("/proc/uptime")) throw refused("The agent needs Linux, with /proc");
  const calls = new AgentCalls(config.endpoints);
  const forced = forceAfterFirst();
  try {
    await runAgent({ config, calls, clock: bootClock, log, leave, force: forced.signal });
  } catch (reason) {
    throw refused(reason instanceof Error ? reason.message : String(reason));
  } finally {
    forced.end();
    await calls.close();
  }
}

/** Aborted by the second signal: the first one asks to leave. */
function forceAfterFirst(): { readonly signal: AbortSignal; readonly end: () => void } {
  const force = new AbortController();
  const names = ["SIGINT", "SIGTERM"] as const;
  let count = 0;
  const act = () => {
    count += 1;
    if (count > 1) force.abort();
  };
  for (const name of names) process.on(name, act);
  return {
    signal: force.signal,
    end: () => {
      for (const name of names) process.off(name, act);
    },
  };
}

function refused(message: string): DbError {
  return new DbError(failure("condition_failed", message));
}
