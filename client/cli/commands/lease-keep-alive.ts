// `bailiwick lease keep-alive GROUP ID`: renews a lease until Ctrl-C, or once.

import type { CliCommand } from "../cli-command.ts";
import { exitCodes } from "../exit-codes.ts";
import { leaseArguments, readLease, ttlText } from "../lease-text.ts";
import { untilAborted } from "../until-aborted.ts";

interface LeaseKeepAliveOptions {
  readonly group: string;
  readonly id: number;
  readonly isOnce: boolean;
}

export const leaseKeepAlive: CliCommand<LeaseKeepAliveOptions> = {
  name: "keep-alive",
  summary: "keep a lease alive until Ctrl-C",
  arguments: leaseArguments,
  flags: [["--once", "renew it once, and end"]],
  help: `
Renews the lease every third of its time, on the next of --endpoints when a node fails, and prints once what it has then. Ctrl-C
leaves it to end by itself: exit code 130. Exit code 3: there is no such lease, or it has ended; 5: nobody renewed it in time, so
that it may have ended. With -o json: {"group", "id", "ttlMs"}.

Examples:
  $ bailiwick lease keep-alive rg220 7
  $ bailiwick lease keep-alive rg220 7 --once
`,
  isWrite: false,
  parse: ([group = "", id = ""], flags) => ({ ...readLease(group, id), isOnce: flags.isSet("once") }),
  async run({ client, output, interrupted }, { group, id, isOnce }) {
    const tell = (ttlMs: number) => output.printNext({ group, id, ttlMs }, () => `${id}\t${ttlText(ttlMs)}\n`);
    if (isOnce) {
      tell((await client.renewLease(group, id, { signal: interrupted })).ttlMs);
      return exitCodes.ok;
    }
    const lease = await client.keepLease(group, id, { signal: interrupted });
    tell(lease.ttlMs);
    await untilAborted(lease.lost, interrupted);
    lease.leave();
    if (lease.lost.aborted) throw lease.lost.reason;
    return exitCodes.interrupted;
  },
};
