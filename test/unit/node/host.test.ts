// The host alone, with a machine that the test scripts, and ports that it holds in its hands.

import assert from "node:assert/strict";
import { test } from "node:test";
import { toBootNumber, toMillis } from "../../../proto/ids.ts";
import type { Effect, WriteBatch } from "../../../server/node/effects.ts";
import { Host } from "../../../server/node/host.ts";
import type { Input } from "../../../server/node/inputs.ts";
import { limits } from "../../../server/node/limits.ts";
import { slotRange } from "../../../storage/keys.ts";
import type { WriteOutcome } from "../../../storage/ordered-store.ts";
import { clusterId, n2 } from "./cluster.ts";

const pull = { type: "clusterPull", after: 0 } as unknown as (Effect & { type: "send" })["message"];
const peer: Input = {
  type: "peer",
  from: n2,
  published: false,
  envelope: { cluster: clusterId, from: n2, boot: toBootNumber(1), message: pull },
};
const deadline: Input = { type: "deadline" };

function write(number: number, key: number, sync = true): Effect {
  const operations = [{ type: "put", key: new Uint8Array([key]), value: new Uint8Array([number]) }] as const;
  return { type: "write", write: number, batch: { operations, hardStates: null, sync } };
}

function keysOf(batch: WriteBatch | undefined): readonly (number | undefined)[] {
  return batch?.operations.map(({ key }) => key[0]) ?? [];
}

function send(after: number | null): Effect {
  return { type: "send", to: n2, message: pull, after };
}

function rig(script: (input: Input, step: number) => readonly Effect[]) {
  const events: string[] = [];
  const turns: (() => void)[] = [];
  const writes: { readonly batch: WriteBatch; readonly done: (outcome: WriteOutcome) => void }[] = [];
  const ran: string[] = [];
  let nowMs = 1;
  let timer: { readonly atMs: number | null; readonly fire: () => void } | null = null;
  let isBroken = false;
  const ports = {
    clock: {
      nowMs: () => toMillis(nowMs),
      setTimer: (at: number | null, fire: () => void) => {
        timer = { atMs: at, fire };
      },
      defer: (run: () => void) => turns.push(run),
    },
    disk: {
      write: (batch: WriteBatch, done: (outcome: WriteOutcome) => void) => writes.push({ batch, done }),
      erase: () => events.push("erase"),
    },
    network: {
      send: () => {
        if (isBroken) throw new Error("broken");
        events.push("send");
      },
      publish: () => events.push("publish"),
      configure: () => events.push("network"),
    },
    answers: { reply: () => events.push("reply"), watch: () => events.push("watch") },
    journal: { note: (_level: string, text: string) => events.push(text) },
    fatal: (reason: Error) => events.push(`fatal: ${reason.message}`),
  };
  const step = (input: Input) => {
    ran.push(input.type);
    return script(input, ran.length);
  };
  const host = new Host(ports as never, { step, deadlineMs: () => null });
  const breakNetwork = () => {
    isBroken = true;
  };
  const turn = () => {
    for (const run of turns.splice(0)) run();
  };
  const fire = () => {
    nowMs = timer?.atMs ?? nowMs;
    timer?.fire();
  };
  return { host, events, turn, writes, ran, turns, fire, breakNetwork, timerMs: () => timer?.atMs ?? null };
}

test("an input never runs before deliver returns", () => {
  const { host, ran, turn } = rig(() => []);
  host.deliver(deadline);
  assert.deepEqual(ran, []);
  turn();
  assert.deepEqual(ran, ["deadline"]);
});

test("a message leaves only when the write that it depends on is durable, others at once", () => {
  const { host, events, turn, writes } = rig((input) =>
    input.type === "peer" ? [write(1, 1), send(1), send(null)] : [],
  );
  host.deliver(peer);
  turn();
  assert.deepEqual(events, ["send"]);
  writes[0]?.done({ type: "done" });
  assert.deepEqual(events, ["send", "send"]);
});

test("rows are erased only when the write that takes their name away is durable", () => {
  const erase: Effect = { type: "erase", range: slotRange(7), after: 1 };
  const { host, events, turn, writes } = rig((input) => (input.type === "peer" ? [write(1, 1), erase] : []));
  host.deliver(peer);
  turn();
  assert.deepEqual(events, []);
  writes[0]?.done({ type: "done" });
  assert.deepEqual(events, ["erase"]);
});

test("the machine hears of a write when it is durable", () => {
  const { host, ran, turn, writes } = rig((input) => (input.type === "peer" ? [write(1, 1)] : []));
  host.deliver(peer);
  turn();
  assert.equal(writes.length, 1);
  turn();
  assert.deepEqual(ran, ["peer"]);
  writes[0]?.done({ type: "done" });
  turn();
  assert.deepEqual(ran, ["peer", "durable"]);
});

test("writes that come while one is under way become one, in their order, synced if any is", () => {
  const { host, turn, writes } = rig((input, step) => (input.type === "peer" ? [write(step, step, step !== 2)] : []));
  host.deliver(peer);
  turn();
  for (let more = 0; more < 2; more++) {
    host.deliver(peer);
    turn();
  }
  assert.equal(writes.length, 1);
  writes[0]?.done({ type: "done" });
  assert.equal(writes.length, 2);
  assert.deepEqual(keysOf(writes[1]?.batch), [2, 3]);
  assert.equal(writes[1]?.batch.sync, true);
});

test("rows that nobody waits for go with the next write, or by themselves after a moment", () => {
  const { host, turn, writes, fire, timerMs } = rig((input, step) =>
    input.type === "peer" ? [write(step, step, step === 2)] : [],
  );
  const deliver = () => {
    host.deliver(peer);
    turn();
  };
  deliver();
  assert.equal(writes.length, 0);
  deliver();
  assert.deepEqual(keysOf(writes[0]?.batch), [1, 2]);
  writes[0]?.done({ type: "done" });
  turn();
  deliver();
  assert.equal(writes.length, 1);
  assert.equal(timerMs(), 1 + limits.gatherWritesMs);
  fire();
  turn();
  assert.deepEqual(keysOf(writes[1]?.batch), [4]);
});

test("rows go at once when a message waits for them, or when there is much of them", () => {
  const promised = rig((input) => (input.type === "peer" ? [write(1, 1, false), send(1)] : []));
  promised.host.deliver(peer);
  promised.turn();
  assert.equal(promised.writes.length, 1);
  const value = new Uint8Array(limits.gatherWritesBytesMax);
  const operations = [{ type: "put", key: new Uint8Array([1]), value }] as const;
  const much: Effect = { type: "write", write: 1, batch: { operations, hardStates: null, sync: false } };
  const large = rig((input) => (input.type === "peer" ? [much] : []));
  large.host.deliver(peer);
  large.turn();
  assert.equal(large.writes.length, 1);
});

test("of merged writes the newest table of hard states counts", () => {
  const tables = [[{ term: 1 }], null, [{ term: 3 }], null] as never[];
  const script = (input: Input, step: number): readonly Effect[] => {
    if (input.type !== "peer") return [];
    return [
      { type: "write", write: step, batch: { operations: [], hardStates: tables[step - 1] ?? null, sync: true } },
    ];
  };
  const { host, turn, writes } = rig(script);
  for (let more = 0; more < 4; more++) host.deliver(peer);
  turn();
  assert.deepEqual(writes[0]?.batch.hardStates, [{ term: 3 }]);
});

test("a promise that waits for a later write does not leave with an earlier one", () => {
  const { host, events, turn, writes } = rig((input, step) =>
    input.type === "peer" ? [write(step, 1), send(step)] : [],
  );
  host.deliver(peer);
  turn();
  host.deliver(peer);
  turn();
  writes[0]?.done({ type: "done" });
  assert.deepEqual(events, ["send"]);
  writes[1]?.done({ type: "done" });
  assert.deepEqual(events, ["send", "send"]);
});

test("a failed write is fatal: nothing is tried again, and nothing leaves or runs after", () => {
  const { host, events, turn, writes, ran } = rig((input) => (input.type === "peer" ? [write(1, 1), send(1)] : []));
  host.deliver(peer);
  turn();
  host.deliver(peer);
  writes[0]?.done({ type: "failed", reason: "no space" });
  turn();
  host.deliver(peer);
  turn();
  assert.deepEqual(events, ["fatal: Cannot write to the disk: no space"]);
  assert.deepEqual([writes.length, ran.length], [1, 1]);
});

test("a broken invariant stops the node with its reason", () => {
  const { host, events, turn, ran } = rig(() => {
    throw new Error("two leaders");
  });
  host.deliver(deadline);
  host.deliver(deadline);
  turn();
  turn();
  assert.deepEqual(events, ["fatal: two leaders"]);
  assert.equal(ran.length, 1);
});

test("a continue runs after the inputs that wait already", () => {
  const { host, turn, ran } = rig((input) =>
    input.type === "deadline" ? [{ type: "continue", work: "turnEnd" }] : [],
  );
  host.deliver(deadline);
  host.deliver(peer);
  turn();
  assert.deepEqual(ran, ["deadline", "peer", "continue"]);
});

test("what is left over runs in a turn of its own, when the disk has what this one writes", () => {
  const script = (input: Input): readonly Effect[] =>
    input.type === "peer" ? [write(1, 1), { type: "continue", work: "rest" }] : [];
  const { host, turn, ran, writes } = rig(script);
  host.deliver(peer);
  turn();
  assert.deepEqual([ran, writes.length], [["peer"], 1]);
  turn();
  assert.deepEqual(ran, ["peer", "continue"]);
});

test("work that goes on and on leaves a turn to others after each of its steps", () => {
  const { host, turn, ran, turns } = rig((input) =>
    input.type === "peer" ? [] : [{ type: "continue", work: "turnEnd" }],
  );
  host.deliver(deadline);
  turn();
  assert.deepEqual(ran, ["deadline", "continue"]);
  assert.equal(turns.length, 1);
  host.deliver(peer);
  turn();
  assert.deepEqual(ran, ["deadline", "continue", "continue"]);
  turn();
  assert.equal(ran[3], "peer");
});

test("a turn is bounded, and the rest has the next", () => {
  const { host, turn, ran } = rig(() => []);
  for (let more = 0; more < limits.turnInputsMax + 5; more++) host.deliver(peer);
  turn();
  assert.equal(ran.length, limits.turnInputsMax);
  turn();
  assert.equal(ran.length, limits.turnInputsMax + 5);
});

test("a full queue drops messages of peers, says so, and nothing else", () => {
  const { host, turn, ran, events } = rig(() => []);
  for (let more = 0; more < limits.inputsMax + 7; more++) host.deliver(peer);
  host.deliver(deadline);
  turn();
  assert.deepEqual(events, ["Dropped peer messages"]);
  for (let more = 0; more < limits.inputsMax / limits.turnInputsMax; more++) turn();
  assert.equal(ran.length, limits.inputsMax + 1);
  assert.equal(ran.at(-1), "deadline");
});

test("the timer brings a deadline", () => {
  const { host, turn, ran, fire } = rig(() => []);
  host.deliver(peer);
  turn();
  fire();
  turn();
  assert.deepEqual(ran, ["peer", "deadline"]);
});

test("a stopped host lets nothing run or leave", () => {
  const { host, events, turn, writes, ran } = rig(() => [write(1, 1), send(1)]);
  host.deliver(peer);
  turn();
  host.stop();
  writes[0]?.done({ type: "done" });
  host.deliver(peer);
  turn();
  assert.deepEqual([events, ran.length], [[], 1]);
});

test("a message that cannot leave when its write is durable ends the host, and nothing leaves after it", () => {
  const { host, events, turn, writes, breakNetwork } = rig((input) =>
    input.type === "peer" ? [write(1, 1), send(1), send(1)] : [],
  );
  host.deliver(peer);
  turn();
  breakNetwork();
  writes[0]?.done({ type: "done" });
  turn();
  assert.deepEqual(events, ["fatal: broken"]);
});
