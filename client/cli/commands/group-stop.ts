// `bailiwick group stop NAME`: the application is not to run.

import type { CliCommand } from "../cli-command.ts";
import { operatorName } from "../operator-name.ts";
import { type PlaceOptions, placeFlags, placeGroup, readPlaceOptions } from "../place-group.ts";

export const groupStop: CliCommand<PlaceOptions> = {
  name: "stop",
  summary: "have a group's application stop, and not start again",
  arguments: [["<group>", "resource group"]],
  flags: placeFlags,
  help: `
The application is stopped and stays stopped, whatever fails, until the group is started. Keys are served as ever. Returns when
it is decided; with --wait when the application is offline, with the states on the way on standard error. Exit code 3: the group
is frozen; 1 with --wait when it is not offline. With -o json: {"header", "group"}.

Examples:
  $ bailiwick group stop rg220
  $ bailiwick group stop rg220 --wait --timeout 2m
`,
  isWrite: true,
  parse: ([group = ""], flags) => readPlaceOptions(group, flags),
  run: (context, options) => {
    const { client, deps, interrupted: signal } = context;
    const told = { who: operatorName(deps), why: options.why };
    const { group } = options;
    return placeGroup(context, options, {
      goal: { state: "offline" },
      wish: `stop ${group}`,
      ask: (given) => client.stopGroup({ group, ...given, ...told }, { signal }),
    });
  },
};
