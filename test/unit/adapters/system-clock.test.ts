// Timers of the real clock: never early, never lost to repetition, and after the sockets.

import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { toMillis } from "../../../proto/ids.ts";
import { SystemClock } from "../../../server/adapters/system-clock.ts";

const after = (clock: SystemClock, delayMs: number) => toMillis(clock.nowMs() + delayMs);

/** Keeps the process from running anything else. */
function stall(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

test("setTimer() fires once, at or after its time", async () => {
  const clock = new SystemClock();
  const atMs = after(clock, 12);
  let fired = 0;
  const firedAtMs = await new Promise<number>((resolve) => {
    clock.setTimer(atMs, () => {
      fired += 1;
      resolve(clock.nowMs());
    });
  });
  assert.ok(firedAtMs >= atMs, `${firedAtMs} is before ${atMs}`);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(fired, 1);
});

test("setTimer() replaces the timer before, to earlier, to later and to none", async () => {
  const clock = new SystemClock();
  const fired: string[] = [];
  clock.setTimer(after(clock, 5), () => fired.push("first"));
  clock.setTimer(after(clock, 60_000), () => fired.push("late"));
  await new Promise<void>((resolve) => {
    clock.setTimer(after(clock, 10), () => {
      fired.push("second");
      resolve();
    });
  });
  clock.setTimer(after(clock, 1), () => fired.push("third"));
  clock.setTimer(null, () => fired.push("none"));
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(fired, ["second"]);
});

test("setTimer() with a time that has come never fires before it returns", async () => {
  const clock = new SystemClock();
  let fired = false;
  const due = new Promise<void>((resolve) => {
    clock.setTimer(after(clock, -50), () => {
      fired = true;
      resolve();
    });
  });
  assert.equal(fired, false);
  await due;
});

test("setTimer() repeated in every turn does not push back a deadline that has come", async () => {
  const clock = new SystemClock();
  const atMs = after(clock, 3);
  const turnsMax = 100_000;
  let turns = 0;
  let fired = false;
  const turn = () => {
    if (fired || ++turns > turnsMax) return;
    // A host with work left asks for its next turn before it sets the timer.
    clock.defer(turn);
    clock.setTimer(atMs, () => {
      fired = true;
    });
  };
  turn();
  const lateMs = performance.now() + 2_000;
  while (!fired && performance.now() < lateMs) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(fired && turns <= turnsMax, `${turns} turns`);
});

test("a deadline that fires after a stall comes after what the sockets held", async (context) => {
  const order: string[] = [];
  const { client, server } = await socketPair(context);
  server.on("data", () => order.push("data"));
  const clock = new SystemClock();
  const fired = new Promise<void>((resolve) => {
    clock.setTimer(after(clock, 10), () => {
      order.push("deadline");
      resolve();
    });
  });
  // The bytes reach the other socket's buffer in the kernel while nothing here can run.
  client.write("x");
  stall(40);
  await fired;
  assert.deepEqual(order, ["data", "deadline"]);
});

test("defer() runs later, in order", async () => {
  const clock = new SystemClock();
  const order: number[] = [];
  clock.defer(() => order.push(1));
  clock.defer(() => order.push(2));
  assert.deepEqual(order, []);
  await new Promise<void>((resolve) => clock.defer(resolve));
  assert.deepEqual(order, [1, 2]);
});

async function socketPair(context: TestContext) {
  const listener = createServer();
  const accepted = new Promise<import("node:net").Socket>((resolve) => listener.once("connection", resolve));
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  assert.ok(typeof address === "object" && address !== null);
  const client = connect(address.port, "127.0.0.1");
  const server = await accepted;
  await new Promise<void>((resolve) => (client.readyState === "open" ? resolve() : client.once("connect", resolve)));
  context.after(() => {
    client.destroy();
    server.destroy();
    listener.close();
  });
  return { client, server };
}
