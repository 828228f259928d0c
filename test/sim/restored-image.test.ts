// A whole disk put back to an old image, on a network that loses and delays: what was acknowledged since is on the others, and
// the owner that has forgotten it is quarantined by what they remember, before it promises anything.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type NodeId, toGroupId, toNodeId } from "../../proto/ids.ts";
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
const witness = toNodeId("n212");
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
  /** Promises of the victim in groups. */
  promised = 0;
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
    const page = { limit: 1, keysOnly: true, countOnly: true };
    return this.must({ type: "list", group, span, revision: null, consistency: "linearizable", ...page }, "list").count;
  }

  quarantineOf(node: NodeId): string | null {
    const replies: Reply[] = [];
    const caller = { reply: (reply: Reply) => replies.push(reply), watch: () => {}, lost: () => {} };
    this.world.node(node).call({ type: "nodeSelf", node }, 1_000, caller);
    this.world.runFor(100);
    const [reply] = replies;
    assert.ok(reply?.type === "nodeSelf");
    return reply.self.quarantine;
  }

  #counter(): Observer {
    return {
      left: (from, _to, message) => {
        if (from !== victim) return;
        const echoed = message.type === "beatEcho" ? message.groups.map(({ reply }) => reply.type) : [];
        const said = message.type === "raft" ? [message.message.type] : echoed;
        this.promised += said.filter((type) => promises.includes(type)).length;
      },
    };
  }
}

for (const [what, history] of Object.entries(histories)) {
  test(`an owner restored to an image ${what} is quarantined, and no acknowledged write is lost`, () => {
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
      run.world.runFor(5_000);
      assert.match(run.quarantineOf(victim) ?? "", /The disk is an old image/, `seed ${seed}`);
      assert.equal(run.promised, 0, `seed ${seed}: it promised something`);
      assert.equal(run.count(), run.written);
      run.write(2);
      // The others alone hold everything, also when they have to elect anew.
      for (const node of [witness, toNodeId("n208")]) {
        run.world.node(node).crash("process");
        run.world.node(node).start();
      }
      assert.equal(run.count(), run.written);
    }
    assert.ok(promisedBefore > 0);
  });
}
