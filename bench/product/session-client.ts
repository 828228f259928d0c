// Puts by the product's client library, as a program makes them: it sends them on one stream of calls by itself.

import { Client } from "../../client/index.ts";
import { callPatienceMs, type PutClient, PutCounter } from "../put-client.ts";
import { Writes, workload } from "../workload.ts";

const noRetry = { attemptsMax: 1, backoffMs: 1, backoffMsMax: 1 };

export class SessionClient implements PutClient {
  readonly #client: Client;
  readonly #writes = new Writes();
  readonly puts = new PutCounter();

  constructor(endpoint: string) {
    this.#client = new Client({ endpoints: [endpoint], timeoutMs: callPatienceMs, retry: noRetry });
  }

  async connect(): Promise<void> {
    await this.#client.get(workload.group, this.#writes.next().key);
  }

  async put(): Promise<void> {
    const { header } = await this.#client.put(workload.group, this.#writes.next());
    this.puts.count(header.revision);
  }

  close(): void {
    void this.#client.close();
  }
}
