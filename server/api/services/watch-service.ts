// WatchService: see watch/ for what happens on a stream.

import * as wire from "../../../proto/gen/bailiwick/v1/watch_pb.ts";
import { defineService } from "../service.ts";
import { WatchStream } from "../watch/watch-stream.ts";

export const watchService = defineService(
  wire.WatchService,
  {
    watch(stream, world) {
      new WatchStream(stream, world);
    },
  },
  {},
);
