// `bailiwick put GROUP KEY VALUE`: writes one key.

import { wireLimits } from "../../../proto/codec/wire-limits.ts";
import type { CliCommand } from "../cli-command.ts";
import type { CliDeps } from "../cli-deps.ts";
import { exitCodes } from "../exit-codes.ts";
import type { Flags } from "../flags.ts";
import { keyBase64Flag, readArgument, readKey, toKeyValueJson, toLine } from "../key-text.ts";
import { readInputFile } from "../read-input-file.ts";
import { UsageError } from "../usage-error.ts";

const { valueBytesMax } = wireLimits;

type ValueSource =
  | { readonly type: "argument"; readonly value: Uint8Array }
  | { readonly type: "stdin" }
  | { readonly type: "file"; readonly path: string };

interface KeyPutOptions {
  readonly group: string;
  readonly key: Uint8Array;
  readonly source: ValueSource;
  readonly ifModRevision: number | undefined;
  readonly previous: boolean;
  readonly lease: number | undefined;
}

export const keyPut: CliCommand<KeyPutOptions> = {
  name: "put",
  summary: "write a key",
  arguments: [
    ["<group>", "resource group"],
    ["<key>", "key"],
    ["[value]", "value; - reads it from standard input"],
  ],
  flags: [
    ["--file <path>", "read the value from a file"],
    ["--if-revision <n>", "only if this revision wrote the key last; 0: only if it does not exist"],
    ["--previous", "print what was replaced"],
    ["--lease <id>", "delete the key when this lease ends"],
    keyBase64Flag,
  ],
  help: `
Returns when the write is durable on a quorum, and prints the revision that it made. Exit code 3: --if-revision did not
hold, or there is no such lease; 4: it is not known whether it was written. With -o json: {"header", "previous"}, previous null if there was none or
it was not asked for.

Examples:
  $ bailiwick put rg220 app/port 5432
  $ bailiwick put rg220 app/config --file config.json --if-revision 17
  $ date | bailiwick put rg220 app/stamp -
  $ bailiwick put rg220 app/offset -- -5
`,
  isWrite: true,
  parse: ([group = "", key = "", value], flags) => ({
    group,
    key: readKey(key, flags),
    source: readSource(value, flags),
    ifModRevision: flags.integer("ifRevision", { min: 0 }),
    previous: flags.isSet("previous"),
    lease: flags.integer("lease", { min: 1 }),
  }),
  async run({ client, output, deps, interrupted }, options) {
    const { group, key, source, ifModRevision, previous, lease } = options;
    const value = await readValue(source, deps, interrupted);
    if (value.byteLength > valueBytesMax) {
      throw new UsageError(`The value has ${value.byteLength} bytes, the limit is ${valueBytesMax}`);
    }
    const answer = await client.put(group, { key, value }, { ifModRevision, previous, lease, signal: interrupted });
    const { header } = answer;
    output.print(
      { header, previous: answer.previous === null ? null : toKeyValueJson(answer.previous) },
      () =>
        `revision ${header.revision}\n${answer.previous === null ? "" : `previous ${toLine(answer.previous.value)}\n`}`,
    );
    return exitCodes.ok;
  },
};

function readSource(value: string | undefined, flags: Flags): ValueSource {
  const path = flags.text("file");
  if ((path === undefined) === (value === undefined)) throw new UsageError("Give either a value or --file");
  if (path !== undefined) return { type: "file", path };
  if (value === "-") return { type: "stdin" };
  const refusal = "The value is not UTF-8: use --file, or - for standard input";
  return { type: "argument", value: readArgument(value ?? "", refusal) };
}

function readValue(source: ValueSource, deps: CliDeps, signal: AbortSignal): Promise<Uint8Array> {
  switch (source.type) {
    case "argument":
      return Promise.resolve(source.value);
    case "stdin":
      return deps.readStdin(signal);
    case "file":
      return readInputFile(source.path, deps);
  }
}
