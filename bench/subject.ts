// What is measured: servers in processes of their own that acknowledge writes which a majority of them has on disk.

import type { Puts } from "./put-client.ts";

export interface Subject {
  readonly name: string;
  /** host:port that the puts go to. */
  readonly endpoint: string;
  /** Processes of all servers; their CPU is charged to the puts. */
  readonly pids: readonly number[];
  /** The one of them that orders the puts. */
  readonly leaderPid: number;
  /**
   * Looks whether the figures are what they say they are.
   *
   * @param puts of one client, since it was made
   * @throws when they are not, for example after a change of manager
   */
  readonly check: (puts: Puts) => Promise<void>;
}
