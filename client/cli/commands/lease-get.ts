// `bailiwick lease get GROUP ID`: what a lease has left, and its keys.

import type { CliCommand } from "../cli-command.ts";
import { exitCodes } from "../exit-codes.ts";
import { keyJson, toLine } from "../key-text.ts";
import { leaseArguments, leaseHead, leaseRow, readLease } from "../lease-text.ts";

interface LeaseGetOptions {
  readonly group: string;
  readonly id: number;
  readonly keys: boolean;
}

export const leaseGet: CliCommand<LeaseGetOptions> = {
  name: "get",
  summary: "show a lease",
  arguments: leaseArguments,
  flags: [["--keys", "its keys as well, at most 10,000 and 1 MiB"]],
  help: `
Columns: id, time granted, what is left of it by the manager's clock, number of keys; then with --keys a key a line. Exit code 3:
there is no such lease. With -o json: {"header", "lease", "keys"}, each key as {"key"} or {"keyBase64"}.

Examples:
  $ bailiwick lease get rg220 7 --keys
`,
  isWrite: false,
  parse: ([group = "", id = ""], flags) => ({ ...readLease(group, id), keys: flags.isSet("keys") }),
  async run({ client, output, interrupted }, { group, id, keys }) {
    const answer = await client.getLease(group, id, { keys, signal: interrupted });
    output.print({ ...answer, keys: answer.keys.map(keyJson) }, () => {
      const lines = answer.keys.map((key) => `${toLine(key)}\n`);
      return `${output.rows(leaseHead, [leaseRow(answer.lease)])}${lines.join("")}`;
    });
    return exitCodes.ok;
  },
};
