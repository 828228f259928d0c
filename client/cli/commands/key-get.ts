// `bailiwick get GROUP KEY`: one value, as it is.

import { DbError, failure } from "../../../proto/errors.ts";
import type { CliCommand } from "../cli-command.ts";
import { exitCodes } from "../exit-codes.ts";
import { keyBase64Flag, readKey, staleNote, toKeyValueJson, toLine } from "../key-text.ts";

interface KeyGetOptions {
  readonly group: string;
  readonly key: Uint8Array;
  readonly revision: number | undefined;
  readonly isLocal: boolean;
}

export const keyGet: CliCommand<KeyGetOptions> = {
  name: "get",
  summary: "print the value of a key",
  arguments: [
    ["<group>", "resource group"],
    ["<key>", "key"],
  ],
  flags: [
    ["--revision <n>", "as it was at this revision"],
    ["--local", "what one owner has, without asking the quorum: may be stale"],
    keyBase64Flag,
  ],
  help: `
Prints the bytes of the value and nothing else; on a terminal followed by a line end. A key that does not exist is exit
code 3. A group without a quorum whose lostQuorum is READ_ONLY answers too, and a note says that it may be stale. With -o json: {"header", "keyValue"}.

Examples:
  $ bailiwick get rg220 app/port
  $ bailiwick get rg220 app/port --revision 17 -o json
`,
  isWrite: false,
  parse: ([group = "", key = ""], flags) => ({
    group,
    key: readKey(key, flags),
    revision: flags.integer("revision", { min: 1 }),
    isLocal: flags.isSet("local"),
  }),
  async run({ client, output, interrupted }, { group, key, revision, isLocal }) {
    const consistency = isLocal ? "local" : undefined;
    const { header, keyValue } = await client.get(group, key, { revision, consistency, signal: interrupted });
    if (keyValue === null) {
      const message = `No key ${toLine(key)} in ${group} at revision ${revision ?? header.revision}`;
      throw new DbError(failure("not_found", message, { group }));
    }
    if (header.stale && !isLocal) output.note(staleNote(header));
    output.print({ header, keyValue: toKeyValueJson(keyValue) }, () =>
      output.isTty && keyValue.value.at(-1) !== lineEnd
        ? Buffer.concat([keyValue.value, Uint8Array.of(lineEnd)])
        : keyValue.value,
    );
    return exitCodes.ok;
  },
};

const lineEnd = 0x0a;
