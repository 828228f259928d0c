// The script command that shows all members.

import type { DiskMember } from "../../../unit/raft/disk-member.ts";
import type { Command } from "./command.ts";

/** `status`: one line a member, and below a leader one for each follower. */
export const status: Command = (cluster) => {
  for (const member of cluster.members.values()) {
    if (member.raft === null) cluster.say(`${member.id} down`);
    else for (const line of describe(member)) cluster.say(line);
  }
};

function describe(member: DiskMember): string[] {
  const { role, term, leader, first, last, commit, peers } = member.running.status();
  const head = `${member.id} ${role} t${term} leader ${leader ?? "unknown"} log ${first}..${last} commit ${commit} applied ${member.appliedIndex}`;
  return [head, ...peers.map(({ peer, state, matched }) => `  ${peer} ${state} matched ${matched}`)];
}
