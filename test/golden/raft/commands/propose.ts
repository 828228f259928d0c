// The script command that proposes entries.

import { payload } from "../../../unit/raft/fixtures.ts";
import { argument, type Command } from "./command.ts";

/** `propose 1 a b`: proposes two entries to n1 at once. */
export const propose: Command = (cluster, args) => {
  const payloads = args.slice(1).map(payload);
  cluster.step(cluster.member(argument(args, 0)), { type: "propose", payloads });
};
