// `bailiwick list GROUP [PREFIX]`: keys and values of a group.

import type { KeyValue } from "../../../proto/model.ts";
import type { Client } from "../../client.ts";
import type { AnswerHeader } from "../../key-values.ts";
import { clientLimits } from "../../limits.ts";
import type { CliCommand } from "../cli-command.ts";
import { exitCodes } from "../exit-codes.ts";
import { staleNote, toKeyValueJson, toLine } from "../key-text.ts";
import type { Output } from "../output.ts";

interface KeyListOptions {
  readonly group: string;
  readonly prefix: string;
  readonly keysOnly: boolean;
  readonly limit: number | undefined;
  readonly revision: number | undefined;
  readonly isLocal: boolean;
}

interface Listed {
  readonly header: AnswerHeader;
  readonly keyValues: readonly KeyValue[];
  readonly count: number;
}

export const keyList: CliCommand<KeyListOptions> = {
  name: "list",
  summary: "list keys and values",
  arguments: [
    ["<group>", "resource group"],
    ["[prefix]", "only keys that start with this"],
  ],
  flags: [
    ["--keys-only", "without the values"],
    ["--limit <n>", "at most so many keys"],
    ["--revision <n>", "as it was at this revision"],
    ["--local", "what one owner has, without asking the quorum: may be stale"],
  ],
  help: `
In byte order of keys, all at one revision. Columns: key, revision that wrote it, value; with --keys-only the key alone.
Keys and values that are not readable text on one line are quoted as in JSON, or written base64:... when they are no UTF-8.
With -o json: {"header", "keyValues", "count"}, count of all keys with the prefix whatever the limit.

Examples:
  $ bailiwick list rg220
  $ bailiwick list rg220 app/ --keys-only --limit 100
`,
  isWrite: false,
  parse: ([group = "", prefix = ""], flags) => ({
    group,
    prefix,
    keysOnly: flags.isSet("keysOnly"),
    limit: flags.integer("limit", { min: 1 }),
    revision: flags.integer("revision", { min: 1 }),
    isLocal: flags.isSet("local"),
  }),
  async run({ client, output, interrupted }, options) {
    const { header, keyValues, count } = await collect(client, options, interrupted);
    const { keysOnly } = options;
    output.print({ header, keyValues: keyValues.map((one) => toKeyValueJson(one, { keysOnly })), count }, () =>
      render(output, keyValues, keysOnly),
    );
    if (header.stale && !options.isLocal) output.note(staleNote(header));
    if (keyValues.length < count) output.note(`${keyValues.length} of ${count} keys`);
    return exitCodes.ok;
  },
};

async function collect(client: Client, options: KeyListOptions, signal: AbortSignal): Promise<Listed> {
  const { group, prefix, keysOnly, limit = Number.POSITIVE_INFINITY, revision, isLocal } = options;
  const consistency = isLocal ? "local" : undefined;
  const pageKeys = Math.min(limit, clientLimits.pageKeys);
  const keyValues: KeyValue[] = [];
  let first: Listed | null = null;
  for await (const page of client.list(group, { prefix }, { keysOnly, pageKeys, revision, consistency, signal })) {
    first ??= page;
    for (const one of page.keyValues) if (keyValues.length < limit) keyValues.push(one);
    if (keyValues.length >= limit) break;
  }
  if (first === null) throw new Error("The list has no page");
  return { header: first.header, keyValues, count: first.count };
}

function render(output: Output, keyValues: readonly KeyValue[], keysOnly: boolean): string {
  if (keysOnly) return keyValues.map(({ key }) => `${toLine(key)}\n`).join("");
  const rows = keyValues.map(({ key, modRevision, value }) => [
    toLine(key),
    String(modRevision),
    shorten(toLine(value), output.isTty),
  ]);
  return output.rows(["KEY", "REVISION", "VALUE"], rows);
}

const shownChars = 80;

function shorten(text: string, isTty: boolean): string {
  return isTty && text.length > shownChars ? `${text.slice(0, shownChars).toWellFormed()}…` : text;
}
