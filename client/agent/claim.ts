// Names that only one process of this machine can have.

import { createServer, type Server } from "node:net";

/**
 * An abstract socket goes with its process, and only one can have it: unlike a file, it is never left behind.
 *
 * @returns what holds it; null: somebody else has it
 */
export function claim(name: string): Promise<Server | null> {
  return listen(createServer(), `\0${name}`);
}

/** @returns null when somebody else has the name */
export function listen(server: Server, path: string): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(null);
      else reject(error);
    });
    server.listen(path, () => resolve(server));
  });
}
