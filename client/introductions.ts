// Finds out which node answers at which endpoint: asked one after the other, in the background, and only while a group that is asked
// again and again is led by a node of which nobody knows where it answers.

import { create } from "@bufbuild/protobuf";
import { MaintenanceService } from "../proto/gen/bailiwick/v1/maintenance_pb.ts";
import type { ClientClock } from "./clock.ts";
import type { Endpoints } from "./endpoints.ts";
import { clientLimits } from "./limits.ts";
import type { Routes } from "./routes.ts";

const { getVersion } = MaintenanceService.method;

export class Introductions {
  readonly #endpoints: Endpoints;
  readonly #routes: Routes;
  readonly #clock: ClientClock;
  /** When each was asked last. */
  readonly #askedMs = new Map<string, number>();
  #isAsking = false;

  constructor(endpoints: Endpoints, routes: Routes, clock: ClientClock) {
    this.#endpoints = endpoints;
    this.#routes = routes;
    this.#clock = clock;
  }

  /** Fails never: who does not say its name is asked again after a while. */
  async seek(group: string): Promise<void> {
    if (this.#isAsking || this.#endpoints.count < 2) return;
    this.#isAsking = true;
    for (let next = this.#next(); next !== undefined && this.#routes.isMissing(group); next = this.#next()) {
      await this.#ask(next).catch(() => {});
    }
    this.#isAsking = false;
  }

  #next(): string | undefined {
    const sinceMs = this.#clock.nowMs() - clientLimits.introductionPauseMs;
    return this.#endpoints.names.find((endpoint) => {
      return !this.#routes.isPlaced(endpoint) && (this.#askedMs.get(endpoint) ?? Number.NEGATIVE_INFINITY) < sinceMs;
    });
  }

  async #ask(endpoint: string): Promise<void> {
    this.#askedMs.set(endpoint, this.#clock.nowMs());
    const transport = await this.#endpoints.transportTo(endpoint);
    const options = { timeoutMs: clientLimits.introductionMs };
    const { header } = await transport.unary(getVersion, create(getVersion.input), options);
    if (header !== undefined && header.node !== "") this.#routes.place(header.node, endpoint);
  }
}
