// Puts to etcd by unary calls, which is how its API takes them.

import { callUnary, openChannel, type PutClient, PutCounter, waitUntilReady } from "../put-client.ts";
import { Writes } from "../workload.ts";
import { putMethod } from "./methods.ts";

export class EtcdClient implements PutClient {
  readonly #channel;
  readonly #writes = new Writes();
  readonly puts = new PutCounter();

  constructor(endpoint: string) {
    this.#channel = openChannel(endpoint);
  }

  connect(): Promise<void> {
    return waitUntilReady(this.#channel);
  }

  async put(): Promise<void> {
    this.puts.count(await callUnary(this.#channel, putMethod, this.#writes.next()));
  }

  close(): void {
    this.#channel.close();
  }
}
