// The script command that builds the cluster.

import { argument, type Command } from "./command.ts";

/** `nodes 3 inflightEntriesMax=2`: members n1 to n3, all up, with empty disks; options by name. `nodes 3 witness`: n3 is one. */
export const nodes: Command = (cluster, args) => {
  const change = Object.fromEntries(
    args
      .slice(1)
      .filter((option) => option !== "witness")
      .map((option) => option.split("="))
      .map(([k, v]) => [k, k === "leaseRead" ? { clockRateErrorMax: Number(v) } : Number(v)]),
  );
  cluster.create(Number(argument(args, 0)), change, args.includes("witness"));
};
