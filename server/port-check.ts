// Whether an address can be listened on, asked before anything is opened or written: a start by mistake leaves no trace.

import { createServer } from "node:net";
import type { Address } from "./config/address.ts";

/** @returns why not, for the end of a sentence; null when it can */
export function refusalToListen({ host, port }: Address): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (reason: NodeJS.ErrnoException) => {
      resolve(reason.code === "EADDRINUSE" ? "another program listens there" : reason.message);
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}
