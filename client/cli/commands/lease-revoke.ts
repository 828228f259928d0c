// `bailiwick lease revoke GROUP ID`: ends a lease.

import type { CliCommand } from "../cli-command.ts";
import { exitCodes } from "../exit-codes.ts";
import { type LeaseArguments, leaseArguments, readLease } from "../lease-text.ts";

export const leaseRevoke: CliCommand<LeaseArguments> = {
  name: "revoke",
  summary: "end a lease and delete its keys",
  arguments: leaseArguments,
  flags: [],
  help: `
All its keys are deleted in one revision; locks that live by it are free for the next. Exit code 3: there is no such lease. With
-o json: {"header", "deleted"}.

Examples:
  $ bailiwick lease revoke rg220 7
`,
  isWrite: true,
  parse: ([group = "", id = ""]) => readLease(group, id),
  async run({ client, output, interrupted }, { group, id }) {
    const answer = await client.revokeLease(group, id, { signal: interrupted });
    output.print(answer, () => `revoked ${id}, deleted ${answer.deleted}, revision ${answer.header.revision}\n`);
    return exitCodes.ok;
  },
};
