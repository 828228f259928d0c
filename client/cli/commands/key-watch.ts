// `bailiwick watch GROUP [PREFIX]`: every change, a line each, until Ctrl-C.

import type { WatchedEvent, WatchNotice } from "../../watch.ts";
import type { CliCommand } from "../cli-command.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { toKeyValueJson, toLine } from "../key-text.ts";
import type { Output } from "../output.ts";

interface KeyWatchOptions {
  readonly group: string;
  readonly prefix: string;
  readonly fromRevision: number | undefined;
  readonly previous: boolean;
  readonly count: number;
}

export const keyWatch: CliCommand<KeyWatchOptions> = {
  name: "watch",
  summary: "print changes as they happen",
  arguments: [
    ["<group>", "resource group"],
    ["[prefix]", "only keys that start with this"],
  ],
  flags: [
    ["--from <revision>", "begin with this revision instead of what comes next"],
    ["--previous", "print what each change replaced as well"],
    ["--count <n>", "end after so many events"],
  ],
  help: `
One event a line, tab-separated: revision, put, delete or expire, key, value, and with --previous the previous value. Keys
and values that are not readable text on one line are quoted as in JSON, or written base64:... when they are no UTF-8. With
-o json each line is {"group", "revision", "type", "keyValue", "previous"}, previous null if there was none or it was not
asked for.

The watch resumes by itself when a node fails, on the next of --endpoints, without a gap and without repeating anything.
When history that it needs has been compacted it ends with exit code 3 and the revision to go on from. Ctrl-C: exit code 130.

Examples:
  $ bailiwick watch rg220
  $ bailiwick watch rg220 app/ --from 17 --previous
  $ bailiwick watch rg220 app/ready --count 1
`,
  isWrite: false,
  parse: ([group = "", prefix = ""], flags) => ({
    group,
    prefix,
    fromRevision: flags.integer("from", { min: 1 }),
    previous: flags.isSet("previous"),
    count: flags.integer("count", { min: 1 }) ?? Number.POSITIVE_INFINITY,
  }),
  async run({ client, output, interrupted }, options): Promise<ExitCode> {
    const { group, prefix, fromRevision, previous, count } = options;
    let left = count;
    const watch = client.watch(group, { keys: { prefix }, fromRevision, previous, signal: interrupted });
    for await (const notice of watch) {
      if (notice.type !== "events") {
        tell(output, notice);
        continue;
      }
      for (const event of notice.events.slice(0, left)) printEvent(output, event, options);
      left -= notice.events.length;
      if (left <= 0) return exitCodes.ok;
    }
    return exitCodes.interrupted;
  },
};

function printEvent(output: Output, event: WatchedEvent, { group, previous }: KeyWatchOptions): void {
  const { type, revision, keyValue } = event;
  const isPut = type === "put";
  const value = {
    group,
    revision,
    type,
    keyValue: toKeyValueJson(keyValue, { keysOnly: !isPut }),
    previous: event.previous === null ? null : toKeyValueJson(event.previous),
  };
  output.printNext(value, () => {
    const cells = [revision, type, toLine(keyValue.key), isPut ? toLine(keyValue.value) : ""];
    const before = previous ? [event.previous === null ? "" : toLine(event.previous.value)] : [];
    return `${[...cells, ...before].join("\t")}\n`;
  });
}

/** What a person wants to know meanwhile. */
function tell(output: Output, notice: Exclude<WatchNotice, { type: "events" }>): void {
  switch (notice.type) {
    case "started":
      if (notice.isResumed) output.note(`resumed behind revision ${notice.revision} at ${notice.endpoint}`);
      else output.note(`watching from revision ${notice.revision + 1} at ${notice.endpoint}`);
      return;
    case "interrupted":
      output.note(`interrupted at ${notice.endpoint}: ${notice.failure.message} (${notice.failure.code})`);
      return;
    case "behind":
      output.note(`behind: printed up to revision ${notice.revision} of ${notice.newestRevision}`);
      return;
    case "progress":
      return;
  }
}
