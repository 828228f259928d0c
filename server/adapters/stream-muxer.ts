// yamux, which must not end the process: it opens a stream in a microtask of its own, and throws there when the connection
// has been closed in the meantime. Nobody could catch that. The muxer hears of the closing by itself a moment later, and then
// every stream does.

import type { MultiaddrConnection, StreamMuxer, StreamMuxerFactory } from "@libp2p/interface";
import { yamux } from "@libp2p/yamux";

/** What a muxer writes with; it has no other way out. */
interface Sends {
  send(data: unknown): boolean;
}

export function streamMuxer(): () => StreamMuxerFactory {
  const create = yamux();
  return () => {
    const factory = create();
    const createStreamMuxer = (connection: MultiaddrConnection) => unfailing(factory.createStreamMuxer(connection));
    return Object.assign(Object.create(factory) as StreamMuxerFactory, { createStreamMuxer });
  };
}

/** What is sent over a closed connection is lost, as if it had been sent a moment before. */
function unfailing(muxer: StreamMuxer): StreamMuxer {
  const inner = muxer as unknown as Sends;
  const send = inner.send.bind(muxer);
  inner.send = (data) => {
    try {
      return send(data);
    } catch (reason) {
      if (!(reason instanceof Error && reason.name === "StreamStateError")) throw reason;
      return false;
    }
  };
  return muxer;
}
