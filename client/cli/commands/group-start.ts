// `bailiwick group start NAME [--on NODE]`: the application is to run.

import type { CliCommand } from "../cli-command.ts";
import { operatorName } from "../operator-name.ts";
import { type PlaceOptions, placeFlags, placeGroup, readPlaceOptions } from "../place-group.ts";

interface GroupStartOptions extends PlaceOptions {
  readonly on: string | undefined;
}

export const groupStart: CliCommand<GroupStartOptions> = {
  name: "start",
  summary: "have a group's application run",
  arguments: [["<group>", "resource group"]],
  flags: [["--on <node>", "an owner (default: the one that the policies choose)"], ...placeFlags],
  help: `
Ends what stop began; starting what runs is no error. Returns when it is decided; with --wait when the application is online,
with the states on the way on standard error. Exit code 3: the group is frozen or in error, or that owner is not up or has
failed with it; 1 with --wait when it is not online there. With -o json: {"header", "group"}.

Examples:
  $ bailiwick group start rg220
  $ bailiwick group start rg220 --on n208 --wait --timeout 1m
`,
  isWrite: true,
  parse: ([group = ""], flags) => ({ ...readPlaceOptions(group, flags), on: flags.text("on") }),
  run: (context, options) => {
    const { client, deps, interrupted: signal } = context;
    const told = { who: operatorName(deps), why: options.why };
    const { group, on } = options;
    return placeGroup(context, options, {
      goal: { state: "online", on },
      wish: `start ${group} on ${on ?? "the owner that the policies choose"}`,
      ask: (given) => client.startGroup({ group, on, ...given, ...told }, { signal }),
    });
  },
};
