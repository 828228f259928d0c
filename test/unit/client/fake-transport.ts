// A client's way to a node that may die and come back.

import type { CallOptions, Transport } from "../../../client/index.ts";

/** Dead while its node is, and a new connection when that is back. */
export class FakeTransport implements Transport {
  readonly #connect: () => Transport;
  readonly #opened: Transport[] = [];

  /** @param connect throws when the node is not there */
  constructor(connect: () => Transport) {
    this.#connect = connect;
  }

  async unary(...[method, request, options]: Parameters<Transport["unary"]>) {
    return this.#open().unary(method, request, options) as never;
  }

  async openStream(...[method, options]: [Parameters<Transport["openStream"]>[0], CallOptions]) {
    return this.#open().openStream(method, options) as never;
  }

  close(): void {
    for (const transport of this.#opened) transport.close();
  }

  #open(): Transport {
    const transport = this.#connect();
    this.#opened.push(transport);
    return transport;
  }
}
