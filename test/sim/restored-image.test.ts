// A whole disk put back to an old image, on a network that loses and delays: what was acknowledged since is on the others, and
// the owner that has forgotten it is quarantined by what they remember, before it promises anything. It comes back as a new
// member, when the others have brought it up.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type MemberId, toGroupId, toNodeId } from "../../proto/ids.ts";
import { founderId } from "../../proto/membership.ts";
import type { RaftMessage } from "../../proto/raft.ts";
import type { GroupRequest, Reply } from "../../proto/requests.ts";
import { limits } from "../../server/node/limits.ts";
import { createBoot } from "../../server/simulation/boot.ts";
import { carryOf } from "../../server/simulation/carry.ts";
import { ElectionChecker } from "../../server/simulation/checkers/election.ts";
import { ask } from "../../server/simulation/checkers/timeline-reader.ts";
import { calmLink } from "../../server/simulation/link-options.ts";
import { createReferenceTopology } from "../../server/simulation/reference-topology.ts";
import type { SimNode } from "../../server/simulation/sim-node.ts";
import { type Observer, World } from "../../server/simulation/world.ts";
import { bytesOf, emptyBytes } from "../../storage/bytes.ts";

const seeds = 8;
const group = toGroupId("rg226");
const victim = toNodeId("n210");
const other = toNodeId("n212");
const outsider = toNodeId("n204");
const promises: readonly string[] = ["voteReply", "preVoteReply", "appendReply", "beatReply"];

/** What becomes of the victim between the image and its return. */
const histories = {
  "taken while it ran on for longer than a lap": (run: Run) => {
    const image = run.victim.disk.image();
    run.write(4);
    run.world.runFor(limits.lapIntervalMs + 2_000);
    run.write(4);
    run.world.runFor(1_000);
    run.victim.crash("power");
    return image;
  },
  "whose next start has the number of the one that is missing": (run: Run) => {
    run.victim.crash("process");
    const image = run.victim.disk.image();
    run.victim.start();
    run.world.runFor(4_000);
    run.write(4);
    run.victim.crash("power");
    return image;
  },
  "of several starts ago": (run: Run) => {
    const image = run.victim.disk.image();
    for (let start = 0; start < 3; start++) {
      run.victim.crash("process");
      run.write(2);
      run.victim.start();
      run.world.runFor(4_000);
      run.write(2);
    }
    run.victim.crash("power");
    return image;
  },
} as const;

class Run {
  readonly world: World;
  readonly victim: SimNode;
  /** Promises of the victim as a member that it was from the beginning. */
  promised = 0;
  /** What the victim said of its quarantine, newest last. */
  readonly notes: string[] = [];
  #written = 0;

  constructor(seed: number) {
    const { bootstrap, nodes } = createReferenceTopology();
    const boot = createBoot(bootstrap);
    this.world = new World({ seed, cluster: bootstrap.cluster, nodes, boot, carry: carryOf("codec") });
    this.world.network.setLink({ ...calmLink, lossProbability: 0.02 });
    this.victim = this.world.node(victim);
    for (const observer of [new ElectionChecker(), this.#counter()]) this.world.observe(observer);
    for (const node of this.world.nodes) node.start();
    this.world.runFor(4_000);
  }

  get written(): number {
    return this.#written;
  }

  /** Each write is acknowledged. */
  write(count: number): void {
    for (let at = 0; at < count; at++) {
      const key = bytesOf(`k${this.#written}`);
      const write = { ifModRevision: null, fence: null, returnPrevious: false, lease: 0 };
      this.must({ type: "put", group, key, value: bytesOf("v"), ...write }, "put");
      this.#written += 1;
    }
  }

  must<Type extends Reply["type"]>(request: GroupRequest, type: Type): Extract<Reply, { type: Type }> {
    for (let tries = 0; tries < 10; tries++) {
      const reply = ask(this.world, this.world.node(outsider), request);
      if (reply?.type === type) return reply as Extract<Reply, { type: Type }>;
    }
    throw new Error(`${request.type} is not answered`);
  }

  count(): number {
    const span = { start: emptyBytes, end: null };
    const page = { limit: 1, keysOnly: true, countOnly: true, continues: false };
    return this.must({ type: "list", group, span, revision: null, consistency: "linearizable", ...page }, "list").count;
  }

  #counter(): Observer {
    return {
      noted: (node, _level, text, { reason }) => {
        if (node === victim) this.notes.push(reason === undefined ? text : `${text}: ${reason}`);
      },
      left: (from, _to, message) => {
        if (from !== victim) return;
        const echoed = message.type === "beatEcho" ? message.groups : [];
        const said = message.type === "raft" ? [{ ...message, reply: message.message }] : echoed;
        this.promised += said.filter(({ fromMember, reply }) => isPromise(fromMember, reply)).length;
      },
    };
  }
}

function isPromise(member: MemberId, { type }: RaftMessage): boolean {
  return member === founderId && promises.includes(type);
}

for (const [what, history] of Object.entries(histories)) {
  test(`an owner restored to an image ${what} is quarantined and rebuilt, and no acknowledged write is lost`, () => {
    let promisedBefore = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      const run = new Run(seed);
      run.write(4);
      run.world.runFor(1_000);
      const image = history(run);
      promisedBefore += run.promised;
      run.victim.disk.restore(image);
      run.promised = 0;
      run.victim.start();
      run.world.runFor(1_000);
      assert.match(run.notes.join("\n"), /Quarantined: The disk is an old image/, `seed ${seed}`);
      assert.equal(run.count(), run.written);
      run.write(2);
      run.world.runFor(20_000);
      assert.equal(run.notes.at(-1), "Readmitted", `seed ${seed}`);
      assert.equal(run.promised, 0, `seed ${seed}: it promised something as what it was before`);
      // It counts: with one of the others it decides, and knows everything.
      run.world.node(other).crash("process");
      assert.equal(run.count(), run.written);
    }
    assert.ok(promisedBefore > 0);
  });
}
