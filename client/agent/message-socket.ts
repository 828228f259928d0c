// Messages over a socket between two processes of one user: JSON, one a line.

import type { Socket } from "node:net";

export interface Receiving<Received> {
  /** Called for each message in order. */
  readonly hear: (message: Received) => void;
  /** Called once, when there will be no more. */
  readonly ended: () => void;
  /** Whoever sends a longer one is not listened to any more. */
  readonly messageBytesMax: number;
}

export class MessageSocket<Sent, Received> {
  readonly #socket: Socket;

  constructor(socket: Socket, { hear, ended, messageBytesMax }: Receiving<Received>) {
    this.#socket = socket;
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (part: string) => {
      // A long message comes in many parts: what was read is not looked through again.
      const [end = "", ...lines] = part.split("\n");
      text += end;
      for (const line of lines) {
        hear(JSON.parse(text) as Received);
        text = line;
      }
      if (text.length > messageBytesMax) socket.destroy();
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
