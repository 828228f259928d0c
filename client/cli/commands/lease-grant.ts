// `bailiwick lease grant GROUP --ttl TIME`: a lease that whoever wants keeps alive.

import type { CliCommand } from "../cli-command.ts";
import { exitCodes } from "../exit-codes.ts";
import { readTtl, ttlFlag } from "../lease-text.ts";
import { UsageError } from "../usage-error.ts";

interface LeaseGrantOptions {
  readonly group: string;
  readonly ttlMs: number;
  readonly id: number | undefined;
}

export const leaseGrant: CliCommand<LeaseGrantOptions> = {
  name: "grant",
  summary: "grant a lease",
  arguments: [["<group>", "resource group"]],
  flags: [ttlFlag(), ["--id <n>", "the lease's id (default: the group chooses)"]],
  help: `
Prints the lease's id. Keys are attached to it with put --lease; they are deleted when it ends: by lease revoke, or when nobody
has kept it alive for the time granted. Exit code 3: --id is taken; 4: it is not known whether it was granted. With -o json:
{"header", "lease"}.

Examples:
  $ bailiwick lease grant rg220 --ttl 30s
  $ id=$(bailiwick lease grant rg220 --ttl 30s) && bailiwick put rg220 app/leader n208 --lease $id
`,
  isWrite: true,
  parse([group = ""], flags) {
    const ttlMs = readTtl(flags);
    if (ttlMs === undefined) throw new UsageError("Give --ttl, how long the lease lasts when nobody keeps it alive");
    return { group, ttlMs, id: flags.integer("id", { min: 1 }) };
  },
  async run({ client, output, interrupted }, { group, ttlMs, id }) {
    const granted = await client.grantLease(group, { ttlMs, id }, { signal: interrupted });
    output.print(granted, () => `${granted.lease.id}\n`);
    return exitCodes.ok;
  },
};
