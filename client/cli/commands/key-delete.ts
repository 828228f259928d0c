// `bailiwick delete GROUP KEY`: deletes one key, or all with a prefix.

import type { KeySelection } from "../../key-values.ts";
import type { CliCommand } from "../cli-command.ts";
import { exitCodes } from "../exit-codes.ts";
import type { Flags } from "../flags.ts";
import { keyBase64Flag, readKey, toKeyValueJson, toLine } from "../key-text.ts";
import { UsageError } from "../usage-error.ts";

interface KeyDeleteOptions {
  readonly group: string;
  readonly keys: KeySelection;
  readonly ifModRevision: number | undefined;
  readonly previous: boolean;
}

export const keyDelete: CliCommand<KeyDeleteOptions> = {
  name: "delete",
  summary: "delete a key, or all keys with a prefix",
  arguments: [
    ["<group>", "resource group"],
    ["[key]", "key"],
  ],
  flags: [
    ["--prefix <prefix>", "instead of a key: all keys that start with this; '' is all keys of the group"],
    ["--if-revision <n>", "of a single key: only if this revision wrote it last"],
    ["--previous", "print what was deleted"],
    keyBase64Flag,
  ],
  help: `
All keys go in one revision. Deleting nothing is no error and makes no revision. With -o json: {"header", "deleted",
"previous"}, previous empty unless asked for.

Examples:
  $ bailiwick delete rg220 app/port
  $ bailiwick delete rg220 --prefix app/ --previous
`,
  isWrite: true,
  parse: ([group = "", key], flags) => ({
    group,
    keys: readSelection(key, flags),
    ifModRevision: flags.integer("ifRevision", { min: 0 }),
    previous: flags.isSet("previous"),
  }),
  async run({ client, output, interrupted }, { group, keys, ifModRevision, previous }) {
    const answer = await client.delete(group, keys, { ifModRevision, previous, signal: interrupted });
    const { header, deleted } = answer;
    output.print({ header, deleted, previous: answer.previous.map((one) => toKeyValueJson(one)) }, () => {
      const lines = answer.previous.map(({ key, value }) => `previous ${toLine(key)}\t${toLine(value)}\n`);
      return `deleted ${deleted}, revision ${header.revision}\n${lines.join("")}`;
    });
    return exitCodes.ok;
  },
};

function readSelection(key: string | undefined, flags: Flags): KeySelection {
  const prefix = flags.text("prefix");
  if ((key === undefined) === (prefix === undefined)) throw new UsageError("Give either a key or --prefix");
  return prefix === undefined ? { key: readKey(key ?? "", flags) } : { prefix: readKey(prefix, flags) };
}
