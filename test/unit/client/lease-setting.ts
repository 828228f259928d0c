// A client of the fake cluster whose time passes only when a test says so, for leases and locks.

import assert from "node:assert/strict";
import { Client, type ClientOptions, DbError, UnreachableError } from "../../../client/index.ts";
import { FakeCluster } from "./fake-cluster.ts";
import { ManualClock } from "./manual-clock.ts";

export const endpoints = ["n202:7401", "n208:7401"];

export class LeaseSetting {
  readonly cluster = new FakeCluster();
  readonly clock = new ManualClock({ shortMs: 0 });
  readonly client = this.another();
  #drawn = 0;

  /** Another program. */
  another(options: Partial<ClientOptions> = {}): Client {
    const random = () => {
      this.#drawn += 1;
      return this.#drawn / 1_000;
    };
    return new Client({ endpoints, connect: this.cluster.connect, clock: this.clock, random, ...options });
  }

  /** Lets time pass, a little after the other, so that what sleeps takes up its work in between. */
  async pass(ms: number): Promise<void> {
    const stepMs = 50;
    for (let leftMs = ms; leftMs > 0; leftMs -= stepMs) {
      this.clock.advance(Math.min(stepMs, leftMs));
      await settle();
    }
  }
}

/** Lets all that can go on without time passing go on. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits for something that takes no time. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2_000 && !isSo(); turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(isSo(), `never ${what}`);
}

export function codeOf(reason: unknown): string {
  assert.ok(reason instanceof DbError || reason instanceof UnreachableError, String(reason));
  return reason.code;
}

export function failsAs(expected: string) {
  return (reason: unknown) => codeOf(reason) === expected;
}
