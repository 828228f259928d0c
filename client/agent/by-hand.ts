// One action of one resource, made ready for an operator to run by hand.

import { commandFor } from "./actions.ts";
import { AgentCalls } from "./agent-calls.ts";
import { loadAgentConfig } from "./agent-config.ts";
import { refuseResource } from "./allow-list.ts";
import { resourceNamed } from "./dependencies.ts";
import { workingDirectory } from "./executor.ts";
import { programEnvironment } from "./guard-host.ts";
import type { Action, ResourceSpec } from "./run-spec.ts";

export type ByHand =
  | { readonly type: "refused"; readonly why: string }
  | {
      readonly type: "ready";
      readonly resource: ResourceSpec;
      readonly command: readonly string[];
      readonly environment: Readonly<Record<string, string>>;
      readonly directory: string;
      /** What it says on standard output tells how the resource is. */
      readonly isOutputRead: boolean;
    };

/** What the agent of `file` would execute. @throws {DbError} for the file, or `not_found` */
export async function prepareByHand({
  group,
  resource: name,
  file,
  action,
}: {
  readonly group: string;
  readonly resource: string;
  readonly file: string;
  readonly action: Action;
}): Promise<ByHand> {
  const config = loadAgentConfig(file);
  const calls = new AgentCalls(config.endpoints);
  try {
    const spec = await calls.readSpec(group);
    const resource = resourceNamed(spec, name);
    if (resource === undefined) return { type: "refused", why: `${group} has no resource ${name}` };
    const why = refuseResource(config.allow, resource);
    if (why !== null) return { type: "refused", why };
    const environment = programEnvironment(process.env);
    // No guard knows of it, so that its mark is nobody's.
    const command = commandFor(action, resource, { ...config, group, epoch: spec.epoch, mark: "by-hand", environment });
    if (command === null) return { type: "refused", why: `There is no program for ${action} of ${name}` };
    const { file: program, args, environment: all, isOutputRead = false } = command;
    const ready = { command: [program, ...args], environment: all, directory: workingDirectory, isOutputRead };
    return { type: "ready", resource, ...ready };
  } finally {
    await calls.close();
  }
}
