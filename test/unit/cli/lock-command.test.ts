// lock: what the program is given, what becomes of it when the lock is lost, and what is left afterwards.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProgramEnd, ProgramSetting } from "../../../client/cli/program-port.ts";
import { startProgram } from "../../../client/cli/start-program.ts";
import { FakeCluster } from "../client/fake-cluster.ts";
import { until } from "../client/lease-setting.ts";
import { ManualClock } from "../client/manual-clock.ts";
import { cli, type Setting } from "./harness.ts";

interface PlayedProgram {
  readonly command: readonly string[];
  readonly environment: ProgramSetting["environment"];
  readonly kills: string[];
  readonly end: (end: Partial<ProgramEnd>) => void;
}

/** A program that does what the test says. */
function play(script: (program: PlayedProgram) => void) {
  const played: PlayedProgram[] = [];
  const startProgram: Setting["startProgram"] = (command, { environment }) => {
    const { promise, resolve } = Promise.withResolvers<ProgramEnd>();
    const kills: string[] = [];
    const end = (how: Partial<ProgramEnd>) => resolve({ code: null, signalNumber: 0, ...how });
    const program = { command, environment, kills, end };
    played.push(program);
    script(program);
    return {
      ended: promise,
      kill: (signal) => {
        kills.push(signal);
        if (signal === "SIGKILL") end({ signalNumber: 9 });
      },
    };
  };
  return { played, startProgram };
}

test("lock runs the program while it holds the lock, and ends with its exit code", async () => {
  const cluster = new FakeCluster();
  let held: readonly string[] = [];
  const { played, startProgram } = play(({ end }) => {
    held = cluster.keys;
    end({ code: 42 });
  });
  const env = { HOME: "/home/o" };
  const { code, out, err } = await cli("lock rg220 jobs -- tool -o json", { cluster, startProgram, env });
  assert.deepEqual([code, out, err], [42, "", ""]);
  const [program] = played;
  assert.deepEqual(program?.command, ["tool", "-o", "json"]);
  assert.deepEqual(program?.environment, {
    HOME: "/home/o",
    BAILIWICK_LOCK_TOKEN: "2",
    BAILIWICK_LOCK_GROUP: "rg220",
    BAILIWICK_LOCK_KEY: held[0],
  });
  assert.match(held[0] ?? "", /^jobs\/[0-9a-f]+$/);
  assert.deepEqual([cluster.keys, cluster.leases.ids], [[], []]);
});

test("lock ends with 128 and the signal's number when a signal ended the program", async () => {
  const { startProgram } = play(({ end }) => end({ signalNumber: 15 }));
  assert.equal((await cli("lock rg220 jobs -- tool", { startProgram })).code, 143);
});

test("lock waits behind the holder, gives up after --wait, and leaves nothing behind", async () => {
  const cluster = new FakeCluster();
  const { startProgram } = play(({ end }) => {
    void cli("lock rg220 jobs --wait 1s -- other", { cluster, random: () => 0.7 })
      .then(({ code, err }) => {
        assert.equal(code, 5);
        assert.match(err, /jobs of rg220 was not free within 1000 ms \(deadline\)/);
        assert.equal(cluster.keys.length, 1);
      })
      .then(
        () => end({ code: 0 }),
        (reason: unknown) => {
          console.error(reason);
          end({ code: 1 });
        },
      );
  });
  assert.equal((await cli("lock rg220 jobs -- tool", { cluster, startProgram })).code, 0);
});

test("lock ends the program when the lock is lost: gently while the lease lasts, and then by force", async () => {
  const cluster = new FakeCluster();
  const clock = new ManualClock();
  const pauses: number[] = [];
  const { played, startProgram } = play(() => {
    cluster.leases.isMute = true;
    setImmediate(() => clock.advance(8_000));
  });
  const sleep = async (ms: number) => void pauses.push(ms);
  const { code, err } = await cli("lock rg220 jobs -- tool", { cluster, clock, startProgram, sleep });
  assert.equal(code, 6);
  assert.deepEqual([played[0]?.kills, pauses], [["SIGTERM", "SIGKILL"], [2_000]]);
  assert.match(err, /^error: the lock jobs is lost: The lease .* was not renewed in time/);
  assert.deepEqual(cluster.keys, []);
});

test("lock leaves a program alone that ends when it is told to, and gives none time whose lease is over", async () => {
  const cluster = new FakeCluster();
  const pauses: number[] = [];
  const { played, startProgram } = play(({ end }) => {
    setImmediate(() => cluster.delete(cluster.keys[0] ?? ""));
    void until("told", () => pauses.length > 0).then(() => end({ code: 0 }));
  });
  const sleep = (ms: number, signal: AbortSignal) => {
    pauses.push(ms);
    return new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  };
  const { code } = await cli("lock rg220 jobs -- tool", { cluster, startProgram, sleep });
  assert.equal(code, 6);
  assert.deepEqual([played[0]?.kills, pauses], [["SIGTERM"], [0]]);
});

test("lock tells that the lock was lost though the program ended first, before anybody noticed", async () => {
  const clock = new ManualClock();
  const { startProgram } = play(({ end }) => {
    clock.advance(8_000);
    end({ code: 0 });
  });
  assert.equal((await cli("lock rg220 jobs -- tool", { clock, startProgram })).code, 6);
});

test("lock that is interrupted ends with 130 while it waits, and has the program end once it runs", async () => {
  const cluster = new FakeCluster();
  const waiting = await cli("lock rg220 jobs -- tool", { cluster, onConnect: (interrupt) => interrupt() });
  assert.deepEqual([waiting.code, waiting.err, cluster.keys], [130, "", []]);
  let interruptNow = () => {};
  const { played, startProgram } = play(({ end, kills }) => {
    interruptNow();
    void until("told", () => kills.length > 0).then(() => end({ signalNumber: 15 }));
  });
  const onConnect = (interrupt: () => void) => {
    interruptNow = interrupt;
  };
  assert.equal((await cli("lock rg220 jobs -- tool", { cluster, startProgram, onConnect })).code, 143);
  assert.deepEqual([played[0]?.kills, cluster.keys], [["SIGTERM"], []]);
});

test("lock says what cannot be run, and what it lacks", async () => {
  const cluster = new FakeCluster();
  const absent = await cli("lock rg220 jobs -- absent", { cluster });
  assert.deepEqual([absent.code, absent.err], [2, "error: Cannot run absent: ENOENT\n"]);
  assert.deepEqual([cluster.keys, cluster.leases.ids], [[], []]);
  for (const line of ["lock rg220 jobs", "lock rg220", "lock rg220 jobs --ttl 1ms -- tool"]) {
    assert.equal((await cli(line, { cluster })).code, 2, line);
  }
});

test("a program is started with its environment, told signals, and its end is told", async () => {
  const run = (script: string) =>
    startProgram([process.execPath, "-e", script], { environment: { BAILIWICK_LOCK_TOKEN: "7" } });
  const ended = await run("process.exit(Number(process.env.BAILIWICK_LOCK_TOKEN))");
  assert.deepEqual(await ended.ended, { code: 7, signalNumber: 0 });
  ended.kill("SIGTERM");
  const killed = await run("setInterval(() => {}, 1000)");
  killed.kill("SIGKILL");
  assert.deepEqual(await killed.ended, { code: null, signalNumber: 9 });
  const told = await run("setInterval(() => {}, 1000)");
  process.emit("SIGTERM", "SIGTERM");
  assert.deepEqual(await told.ended, { code: null, signalNumber: 15 });
  assert.equal(process.listenerCount("SIGTERM"), 0);
  await assert.rejects(startProgram(["/nowhere/absent"], { environment: {} }), /Cannot run \/nowhere\/absent: ENOENT/);
  assert.equal(process.listenerCount("SIGTERM"), 0);
});
