// `bailiwick group move NAME [--to NODE]`: has another owner run the application.

import type { CliCommand, CliContext } from "../cli-command.ts";
import { operatorName } from "../operator-name.ts";
import { type PlaceOptions, placeFlags, placeGroup, readPlaceOptions } from "../place-group.ts";

interface GroupMoveOptions extends PlaceOptions {
  readonly to: string | undefined;
  readonly ifEpoch: number | undefined;
}

export const groupMove: CliCommand<GroupMoveOptions> = {
  name: "move",
  summary: "move a group's application to another owner",
  arguments: [["<group>", "resource group"]],
  flags: [
    ["--to <node>", "an owner (default: the one that the policies choose)"],
    ["--if-epoch <n>", "only if the group's epoch is this"],
    ...placeFlags,
  ],
  help: `
The application is stopped where it is, and then started on the other owner, which keeps it while it is up, whatever fallback
says. Returns when the move is decided; with --wait when it is done, with the states on the way on standard error: give it as
much --timeout as the application takes to stop and to start. Exit code 3: the group is frozen, stopped or in error, its epoch
is another, or that owner is not up, has failed with it, or has no room for it. 1 with --wait when it is not online there. With -o json: {"header", "group"}.

Examples:
  $ bailiwick group move rg220
  $ bailiwick group move rg220 --to n208 --wait --timeout 2m
  $ bailiwick group move rg220 --to n208 --if-epoch 5 --dry-run
`,
  isWrite: true,
  parse: ([group = ""], flags) => ({
    ...readPlaceOptions(group, flags),
    to: flags.text("to"),
    ifEpoch: flags.integer("ifEpoch", { min: 0 }),
  }),
  async run(context, options) {
    const { client, deps, interrupted: signal } = context;
    const told = { who: operatorName(deps), why: options.why };
    const { group, to, ifEpoch } = options;
    const off = to === undefined ? await ownerBefore(context, options) : undefined;
    return placeGroup(context, options, {
      goal: { state: "online", on: to, off },
      wish: `move ${group} to ${to ?? "the owner that the policies choose"}`,
      ask: (given) => client.moveGroup({ group, to, ifEpoch, ...given, ...told }, { signal }),
    });
  },
};

/** Only who waits has to know whether it has moved. */
async function ownerBefore({ client, interrupted }: CliContext, { group, isWaiting, validateOnly }: PlaceOptions) {
  if (!isWaiting || validateOnly) return undefined;
  const { currentOwner } = (await client.group(group, { signal: interrupted })).group;
  return currentOwner === "" ? undefined : currentOwner;
}
