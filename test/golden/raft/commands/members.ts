// The script command that changes the members.

import type { NodeId } from "../../../../proto/ids.ts";
import type { TargetVoter } from "../../../../server/raft/types.ts";
import type { Cluster } from "../cluster.ts";
import { argument, type Command } from "./command.ts";

/**
 * `members 1 2 3 4*2 w5`: asks n1 to make n2, n3, n4 with two votes and the witness n5 the members; `~3` for one that begins
 * anew. `members 1 -`: gives up what is under way.
 */
export const members: Command = (cluster, args) => {
  const member = cluster.member(argument(args, 0));
  const wanted = args.slice(1);
  const target =
    wanted[0] === "-"
      ? null
      : {
          voters: wanted.map((text) => parse(nameIn(cluster, text), text)),
          renew: wanted.filter((text) => text.startsWith("~")).map((text) => nameIn(cluster, text)),
        };
  cluster.step(member, { type: "reconfigure", target });
};

function nameIn(cluster: Cluster, text: string): NodeId {
  return cluster.nameOf(text.replace(/[~w]|\*.*/g, ""));
}

function parse(node: NodeId, text: string): TargetVoter {
  return { node, votes: Number(text.split("*")[1] ?? 1), isWitness: /^~?w/.test(text) };
}
