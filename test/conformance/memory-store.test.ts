// The ordered store's contract on the store in memory.

import { MemoryStore } from "../../storage/memory-store.ts";
import { orderedStoreSuite } from "./ordered-store.ts";

orderedStoreSuite("MemoryStore", async () => {
  let store: MemoryStore | null = null;
  return {
    open: async () => {
      store = store === null ? new MemoryStore({ defer: setImmediate }) : store.reopened();
      return store;
    },
    cleanUp: async () => {},
  };
});
