// The application where there is no nginx: a server of one answer, on a port of the loopback that only one node can hold.

import { createServer } from "node:http";
import { nodeHeader } from "./observer.ts";

/** Serves until it is killed. */
export function runWebServer(port: number): void {
  const node = process.env["BAILIWICK_NODE"] ?? "";
  const server = createServer((_, response) => {
    response.writeHead(200, { [nodeHeader]: node, connection: "close" }).end(`${node}\n`);
  });
  server.on("error", (reason) => {
    process.stderr.write(`${reason.message}\n`);
    process.exit(1);
  });
  server.listen(port, "127.0.0.1");
}
