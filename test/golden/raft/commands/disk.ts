// The script command that slows a disk down.

import { argument, type Command } from "./command.ts";

/** `disk 2 slow`: n2's writes stay unfinished; `disk 2 write` finishes one; `disk 2 fast` is normal again. */
export const disk: Command = (cluster, args) => {
  const member = cluster.member(argument(args, 0));
  const mode = argument(args, 1);
  if (mode === "slow") cluster.slow.add(member.id);
  else if (mode === "fast") cluster.slow.delete(member.id);
  else if (mode === "write") cluster.syncOne(member);
  else throw new Error(`No disk mode: ${mode}`);
};
