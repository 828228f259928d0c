// The gRPC server of a node: all services on one address, with every limit set explicitly (grpc-js has none by default).

import { setImmediate as nextTurn } from "node:timers/promises";
import { type ChannelOptions, Server, ServerCredentials, type UntypedServiceImplementation } from "@grpc/grpc-js";
import type { HealthImplementation } from "grpc-health-check";
import { DbError, failure } from "../../proto/errors.ts";
import type { Journal } from "../node/ports.ts";
import type { ApiIdentity, ApiWorld } from "./call-context.ts";
import { addHealth, addReflection, stopHealth } from "./discovery.ts";
import type { LocalCalls } from "./local-calls.ts";
import { allServices } from "./services/all-services.ts";
import { WatchEncoder } from "./watch/watch-encoder.ts";

export interface ApiOptions {
  /** `host:port` to listen on; port 0: any free one. */
  readonly address: string;
  readonly self: ApiIdentity;
  /** The way into the node. The server stops it when it closes. */
  readonly calls: LocalCalls;
  readonly journal: Journal;
}

const mebibyte = 1024 * 1024;

const transportLimits: ChannelOptions = {
  // A put of the largest value, and room; a client's own limit is usually 4 MiB.
  "grpc.max_receive_message_length": 2 * mebibyte,
  "grpc.max_send_message_length": 8 * mebibyte,
  // Of one connection. As many as the largest load that one client is meant to have in flight.
  "grpc.max_concurrent_streams": 1_024,
  /** Mebibytes that one connection may make the HTTP/2 library hold. */
  "grpc-node.max_session_memory": 64,
  // A connection whose other end is gone is closed within 40 s, one that nobody uses after 5 min; others live for ever.
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.max_connection_idle_ms": 5 * 60_000,
  // Statistics that nobody reads cost a tenth of each call.
  "grpc.enable_channelz": 0,
};

export class ApiServer {
  /** `host:port` that clients connect to. */
  readonly address: string;
  readonly #server: Server;
  readonly #health: HealthImplementation;
  readonly #world: ApiWorld;

  private constructor(server: Server, health: HealthImplementation, world: ApiWorld, address: string) {
    this.#server = server;
    this.#health = health;
    this.#world = world;
    this.address = address;
  }

  /** @throws {DbError} `invalid_argument` when the address is in use, is not one of this machine, or is malformed */
  static async start(options: ApiOptions): Promise<ApiServer> {
    const { self, calls, journal, address } = options;
    const world: ApiWorld = { self, calls, journal, streams: new Set(), encoder: new WatchEncoder() };
    const server = new Server(transportLimits);
    for (const service of allServices) {
      server.addService(service.definition, service.implement(world) as unknown as UntypedServiceImplementation);
    }
    const health = addHealth(server, allServices);
    addReflection(server, allServices);
    const port = await listen(server, address);
    return new ApiServer(server, health, world, `${address.slice(0, address.lastIndexOf(":"))}:${port}`);
  }

  /**
   * Takes no new calls, ends the streams, waits for the calls in flight, then cuts what is left.
   *
   * @param graceMs how long calls in flight may take: 0 or more
   */
  async close(graceMs: number): Promise<void> {
    stopHealth(this.#health, allServices);
    this.#world.calls.stop();
    for (const stream of [...this.#world.streams]) stream.stop();
    const isDone = await shutDown(this.#server, graceMs);
    if (isDone) return;
    this.#world.calls.abandon();
    // One turn of the event loop, for the last answers to reach their sockets.
    await nextTurn();
    this.#server.forceShutdown();
  }
}

function listen(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (reason: unknown) => reject(cannotListen(address, reason));
    try {
      server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else fail(error);
      });
    } catch (reason) {
      fail(reason);
    }
  });
}

function cannotListen(address: string, reason: unknown): DbError {
  const text = reason instanceof Error ? reason.message : String(reason);
  const why = text.includes("EADDRINUSE") ? "another program listens there" : text;
  const message = `Cannot listen for clients on ${address}: ${why}`;
  return new DbError(failure("invalid_argument", message, { field: "apiAddress" }), reason);
}

/** @returns whether all calls had ended within `graceMs` */
function shutDown(server: Server, graceMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
