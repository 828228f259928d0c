// Messages over a socket between two processes of one user: JSON, one a line.

import type { Socket } from "node:net";
import { agentLimits } from "./agent-limits.ts";

export class MessageSocket<Sent, Received> {
  readonly #socket: Socket;

  /** @param hear called for each message in order; `ended`: once, when there will be no more */
  constructor(socket: Socket, hear: (message: Received) => void, ended: () => void) {
    this.#socket = socket;
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (part: string) => {
      const lines = (text + part).split("\n");
      text = lines.pop() ?? "";
      if (text.length > agentLimits.messageBytesMax) return void socket.destroy();
      for (const line of lines) hear(JSON.parse(line) as Received);
    });
    socket.on("error", () => {});
    socket.once("close", ended);
  }

  send(message: Sent): void {
    if (this.#socket.writable) this.#socket.write(`${JSON.stringify(message)}\n`);
  }

  close(): void {
    this.#socket.destroy();
  }
}
