// `bailiwick txn FILE`: compares, reads and writes at one point in time.

import type { TransactAnswer } from "../../transact-calls.ts";
import type { CliCommand } from "../cli-command.ts";
import { exitCodes } from "../exit-codes.ts";
import { toKeyValueJson, toLine } from "../key-text.ts";
import { readYamlFile } from "../read-input-file.ts";

type Result = TransactAnswer["results"][number];

export const txn: CliCommand<{ readonly path: string }> = {
  name: "txn",
  summary: "carry out a transaction",
  arguments: [["<file>", "the transaction as YAML"]],
  flags: [],
  help: `
If all comparisons hold, the operations under success are carried out, else those under failure: all of them or none, at one
point in time. Comparisons and operations may name a group of their own. Exit code 3: a comparison did not hold, and failure
was carried out; 4: it is not known what was. With -o json: {"header", "succeeded", "results", "revisions"}.

The file:
  group: rg220
  comparisons:              # of a key, of all keys with a prefix, or from start to end
    - {key: app/port, modRevision: 17}
    - {key: app/mode, value: standby, is: notEqual}     # equal, notEqual, greater, less
  success:
    - put: {key: app/mode, value: standby}
    - get: {key: app/port}
  failure:
    - list: {prefix: app/, limit: 10}
  fences:
    - {epoch: 4}            # only while this ownership of the group holds

Examples:
  $ bailiwick txn move.yaml
  $ bailiwick txn move.yaml -o json | jq .results
`,
  isWrite: true,
  parse: ([path = ""]) => ({ path }),
  async run({ client, output, deps, interrupted }, { path }) {
    const { otherBytes, readTransaction } = await import("../transaction-file.ts");
    const transaction = readTransaction(await readYamlFile(path, deps, otherBytes), path);
    const answer = await client.transact(transaction, { signal: interrupted });
    output.print({ ...answer, results: answer.results.map(toJson) }, () => toText(answer));
    return answer.succeeded ? exitCodes.ok : exitCodes.condition;
  },
};

function toText({ succeeded, results, revisions }: TransactAnswer): string {
  const lines = [succeeded ? "success" : "failure: a comparison did not hold", ...results.flatMap(resultLines)];
  for (const { group, revision } of revisions) lines.push(`${group} revision ${revision}`);
  return `${lines.join("\n")}\n`;
}

function resultLines(result: Result): readonly string[] {
  if ("get" in result)
    return [result.get.keyValue === null ? "get: no such key" : `get: ${lineOf(result.get.keyValue)}`];
  if ("list" in result) {
    const { keyValues, count } = result.list;
    return [`list: ${keyValues.length} of ${count}`, ...keyValues.map((keyValue) => `  ${lineOf(keyValue)}`)];
  }
  if ("put" in result) return [`put${result.put.previous === null ? "" : `: was ${lineOf(result.put.previous)}`}`];
  return [`delete: ${result.delete.deleted}`, ...result.delete.previous.map((keyValue) => `  ${lineOf(keyValue)}`)];
}

function lineOf({ key, value }: { readonly key: Uint8Array; readonly value: Uint8Array }): string {
  return `${toLine(key)} ${toLine(value)}`;
}

function toJson(result: Result): unknown {
  if ("get" in result) return { get: { keyValue: result.get.keyValue && toKeyValueJson(result.get.keyValue) } };
  if ("list" in result) {
    return { list: { ...result.list, keyValues: result.list.keyValues.map((keyValue) => toKeyValueJson(keyValue)) } };
  }
  if ("put" in result) return { put: { previous: result.put.previous && toKeyValueJson(result.put.previous) } };
  const { deleted, previous } = result.delete;
  return { delete: { deleted, previous: previous.map((keyValue) => toKeyValueJson(keyValue)) } };
}
