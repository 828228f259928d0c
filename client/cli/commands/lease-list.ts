// `bailiwick lease list GROUP`: the leases of a group.

import type { AnswerHeader } from "../../key-values.ts";
import type { Lease } from "../../lease-calls.ts";
import type { CliCommand } from "../cli-command.ts";
import { exitCodes } from "../exit-codes.ts";
import { leaseHead, leaseRow } from "../lease-text.ts";

interface LeaseListOptions {
  readonly group: string;
}

export const leaseList: CliCommand<LeaseListOptions> = {
  name: "list",
  summary: "list the leases of a group",
  arguments: [["<group>", "resource group"]],
  flags: [],
  help: `
By id. Columns: id, time granted, what is left of it by the manager's clock, number of keys. With -o json: {"header", "leases"}.

Examples:
  $ bailiwick lease list rg220
`,
  isWrite: false,
  parse: ([group = ""]) => ({ group }),
  async run({ client, output, interrupted }, { group }) {
    const leases: Lease[] = [];
    let header: AnswerHeader | undefined;
    for await (const page of client.leases(group, { signal: interrupted })) {
      header ??= page.header;
      leases.push(...page.leases);
    }
    output.print({ header, leases }, () => output.rows(leaseHead, leases.map(leaseRow)));
    return exitCodes.ok;
  },
};
