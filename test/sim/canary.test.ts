// Canaries: nodes that are broken on purpose, by a decorator, one way each. Every one must be caught, and by the checker
// that is there for it; a simulator that lets one pass proves nothing by its silence.

import assert from "node:assert/strict";
import { test } from "node:test";
import { failure } from "../../proto/errors.ts";
import type { NodeId } from "../../proto/ids.ts";
import type { Reply } from "../../proto/requests.ts";
import type { Effect } from "../../server/node/effects.ts";
import { genesisOperations, releaseOperations } from "../../server/node/genesis.ts";
import type { Input } from "../../server/node/inputs.ts";
import { Node } from "../../server/node/node.ts";
import type { StateMachine } from "../../server/node/state-machine.ts";
import { readDisk } from "../../server/simulation/boot.ts";
import { calmLink } from "../../server/simulation/link-options.ts";
import { createReferenceTopology } from "../../server/simulation/reference-topology.ts";
import { runSeed } from "../../server/simulation/run.ts";
import { type SimOptions, withoutAgents } from "../../server/simulation/run-options.ts";
import { calmDisk } from "../../server/simulation/sim-disk.ts";
import type { Boot } from "../../server/simulation/sim-node.ts";
import type { RunExtras } from "../../server/simulation/testbed.ts";
import { flagsOf, noReduction, shrink } from "./shrink.ts";

/** What a broken machine does instead of its step. */
type Breakage = (node: NodeId, input: Input, step: (input: Input) => readonly Effect[]) => readonly Effect[];

function optionsOf(seed: number, changes: Partial<SimOptions> = {}): SimOptions {
  return {
    seed,
    topology: createReferenceTopology(),
    safetyMs: 5_000,
    livenessMsMax: 10_000,
    logEntriesKept: 20_000,
    workload: {
      clients: 6,
      thinkMsMean: 15,
      burstProbability: 0.05,
      keysPerGroup: 2,
      valueBytesMax: 32,
      budgetMsMax: 1_000,
      watches: 2,
      variedWatches: false,
      stateWatches: 0,
      transfers: 2,
      leases: 0,
      leaseTtlMsMax: 3_000,
      identities: false,
    },
    link: calmLink,
    disk: calmDisk,
    gossip: "normal",
    carry: "frozen",
    crash: { meanMs: 700, downMsMax: 1_000, powerProbability: 1, nodesMax: 2 },
    partition: null,
    lossyPath: null,
    pause: null,
    stall: null,
    clockRate: null,
    wallClock: null,
    diskFailure: null,
    stuckDisk: null,
    churn: null,
    bitRot: null,
    ...withoutAgents,
    core: null,
    ...changes,
  };
}

/** @param perProcess makes the breakage of one process, with whatever it remembers */
function broken(perProcess: () => Breakage): (boot: Boot) => Boot {
  return (boot) => (start) => {
    const { machine, ...booted } = boot(start);
    const breakage = perProcess();
    const decorated: StateMachine = {
      step: (input, nowMs) => breakage(start.node, input, (real) => machine.step(real, nowMs)),
      deadlineMs: () => machine.deadlineMs(),
    };
    return { machine: decorated, ...booted };
  };
}

/** Runs a few seeds until one is caught. @returns the checker that spoke */
function caughtBy(perProcess: () => Breakage, changes: Partial<SimOptions> = {}, extras: RunExtras = {}): string {
  for (let seed = 1; seed <= 5; seed++) {
    const { violation } = runSeed(optionsOf(seed, changes), { ...extras, boot: broken(perProcess) });
    if (violation !== null && violation.kind !== "invalid") return `${violation.kind}: ${violation.checker}`;
  }
  return "nobody";
}

test("the canary's own options are well without a breakage", () => {
  const { violation } = runSeed(optionsOf(1));
  assert.equal(violation, null, `${violation?.checker}: ${violation?.message}`);
});

test("a node that promises before its disk has it is caught", () => {
  const eager: Breakage = (_node, input, step) =>
    step(input).map((effect) => (effect.type === "send" ? { ...effect, after: null } : effect));
  assert.equal(
    caughtBy(() => eager),
    "correctness: promise",
  );
});

test("a node that acknowledges writes which it never makes is caught", () => {
  const perProcess = (): Breakage => {
    let puts = 0;
    return (_node, input, step) => {
      if (input.type !== "call" || input.request.type !== "put" || ++puts % 20 !== 0) return step(input);
      const read = { type: "get", group: input.request.group, key: input.request.key, revision: null } as const;
      return step({ ...input, request: { ...read, consistency: "linearizable" } }).map(asPut);
    };
  };
  assert.match(caughtBy(perProcess), /^correctness: (answers|acknowledged write|real time)$/);
});

/** Its boot number is that of the quarantine, so that nothing but the disk that it lost tells it from a healthy node. */
const forgetful =
  (boot: Boot): Boot =>
  (start) => {
    const booted = boot(start);
    if (booted.damage === null) return booted;
    const { node: self, disk, random, wallOffsetMs } = start;
    const begun = { boot: booted.boot, nonce: "00000000000000ab", lap: 0 };
    const { bootstrap } = createReferenceTopology();
    disk.writeAtOnce([
      ...releaseOperations(),
      ...genesisOperations({ bootstrap, self, start: begun, quarantine: null }),
    ]);
    const stored = readDisk(disk);
    assert.ok(stored.type === "image");
    return { ...booted, machine: new Node({ image: stored.image, seed: random.uint32(), wallOffsetMs }) };
  };

test("a node that goes on as who it was when its disk was lost is caught", () => {
  const bitRot = { meanMs: 500, downMsMax: 500 };
  const { violation } = runSeed(optionsOf(1, { crash: null, bitRot }), { boot: forgetful });
  assert.equal(violation?.checker, "promise", violation?.message);
  assert.match(violation.message, /speaks as member \d, whose disk it has lost/);
  assert.equal(runSeed(optionsOf(1, { crash: null, bitRot })).violation, null);
});

function asPut(effect: Effect): Effect {
  if (effect.type !== "reply" || effect.reply.type !== "get") return effect;
  return { ...effect, reply: { type: "put", header: effect.reply.header, previous: null } };
}

const stale: Breakage = (_node, input, step) => {
  if (input.type !== "call" || input.request.type !== "get") return step(input);
  return step({ ...input, request: { ...input.request, consistency: "local" } });
};

test("a node that reads its own replica where the group was to be asked is caught", () => {
  assert.equal(
    caughtBy(() => stale),
    "correctness: real time",
  );
});

test("a node that reads its own replica is caught by the clients' answers alone", () => {
  assert.equal(
    caughtBy(() => stale, {}, { withoutReplay: true }),
    "correctness: linearizability",
  );
});

test("a node that refuses writes whose condition held is caught", () => {
  const refusing: Breakage = (_node, input, step) => {
    if (input.type !== "call" || input.request.type !== "put" || input.request.ifModRevision === null) {
      return step(input);
    }
    const reply: Reply = { type: "failed", failure: failure("condition_failed", "The condition does not hold") };
    return [{ type: "reply", call: input.call, reply }];
  };
  assert.equal(
    caughtBy(() => refusing),
    "correctness: linearizability",
  );
});

test("a node that carries out a write twice is caught", () => {
  const perProcess = (): Breakage => {
    let puts = 0;
    return (_node, input, step) => {
      if (input.type !== "call" || input.request.type !== "put" || ++puts % 20 !== 0) return step(input);
      return [...step({ ...input, call: -input.call }), ...step(input)];
    };
  };
  assert.equal(caughtBy(perProcess), "correctness: origin");
});

test("a watch that leaves out events is caught", () => {
  const deaf: Breakage = (_node, input, step) =>
    step(input).filter((effect) => effect.type !== "watch" || effect.message.type !== "events" || !isOdd(effect));
  const isOdd = (effect: Extract<Effect, { type: "watch" }>) =>
    effect.message.type === "events" && effect.message.revision % 7 === 3;
  assert.match(
    caughtBy(() => deaf),
    /^(correctness|liveness): (watch|final read)/,
  );
});

test("a node that loses a row which it should have written is caught", () => {
  const perProcess = (): Breakage => {
    let writes = 0;
    return (node, input, step) =>
      step(input).map((effect) => {
        if (node !== "n208" || effect.type !== "write" || ++writes % 40 !== 0) return effect;
        return { ...effect, batch: { ...effect.batch, operations: effect.batch.operations.slice(1) } };
      });
  };
  assert.notEqual(caughtBy(perProcess), "nobody");
});

test("a node that forgets its votes is caught", () => {
  const forgetful: Breakage = (_node, input, step) =>
    step(input).map((effect) => {
      if (effect.type !== "write" || effect.batch.hardStates === null) return effect;
      const hardStates = effect.batch.hardStates.map((row) => ({ ...row, vote: null }));
      return { ...effect, batch: { ...effect.batch, hardStates } };
    });
  assert.equal(
    caughtBy(() => forgetful),
    "correctness: promise",
  );
});

test("a node that says nothing to its peers is caught", () => {
  const mute: Breakage = (node, input, step) =>
    step(input).filter((effect) => node !== "n208" || (effect.type !== "send" && effect.type !== "publish"));
  assert.match(
    caughtBy(() => mute),
    /^liveness: /,
  );
});

test("what a broken node is caught by shrinks to a run without the faults that it does not need", () => {
  const eager: Breakage = (_node, input, step) =>
    step(input).map((effect) => (effect.type === "send" ? { ...effect, after: null } : effect));
  const pause = { kind: "pause", meanMs: 1_000, durationMsMin: 100, durationMsMax: 500 } as const;
  const drawn = optionsOf(1, { pause, partition: { meanMs: 1_000, durationMsMax: 500 }, gossip: "lost" });
  const run = (options: SimOptions) => runSeed(options, { boot: broken(() => eager) });
  const { reduction, report } = shrink(run(drawn), noReduction, { drawn, run });
  assert.equal(flagsOf(reduction), " --without crash,partition,pause,gossip --safety-ms 625 --clients 1");
  assert.equal(report.violation?.checker, "promise");
});

test("chance that does not come from the seed gives another hash", () => {
  const random: Breakage = (_node, input, step) =>
    step(input).filter((effect) => effect.type !== "send" || Math.random() > 0.02);
  const hashes = [1, 2].map(() => runSeed(optionsOf(1), { boot: broken(() => random) }).hash);
  assert.notEqual(hashes[0], hashes[1]);
  const honest = [1, 2].map(() => runSeed(optionsOf(1)).hash);
  assert.equal(honest[0], honest[1]);
});
