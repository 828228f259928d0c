// The script command that carries one link's packets.

import { argument, type Command } from "./command.ts";

/** `deliver 1->2`: hands over what waits on one link now. */
export const deliver: Command = (cluster, args) => {
  const [from, to] = argument(args, 0)
    .split("->")
    .map((name) => cluster.member(name).id);
  cluster.deliver((packet) => packet.from === from && packet.to === to);
};
