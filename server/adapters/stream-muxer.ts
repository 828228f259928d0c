// yamux, twice amended. It must not end the process: it opens a stream in a microtask of its own, and throws there when the
// connection has been closed in the meantime. Nobody could catch that. The muxer hears of the closing by itself a moment later,
// and then every stream does. And it must not answer each frame with a window update, a frame and a write of its own: as in
// other implementations, an update waits until half of the window is used up.

import type { MultiaddrConnection, StreamMuxer, StreamMuxerFactory } from "@libp2p/interface";
import { yamux } from "@libp2p/yamux";
import { assert } from "../../proto/assert.ts";

/** What the library's muxer has and its interface does not tell: what it writes with, without another way out, and makes streams by. */
interface MuxerInside {
  send(data: unknown): boolean;
  _newStream(...parameters: unknown[]): StreamInside;
}

interface StreamInside {
  readonly recvWindow: number;
  readonly recvWindowCapacity: number;
  sendWindowUpdate(): void;
}

export function streamMuxer(): () => StreamMuxerFactory {
  const create = yamux();
  return () => {
    const factory = create();
    const createStreamMuxer = (connection: MultiaddrConnection) => amended(factory.createStreamMuxer(connection));
    return Object.assign(Object.create(factory) as StreamMuxerFactory, { createStreamMuxer });
  };
}

function amended(muxer: StreamMuxer): StreamMuxer {
  const inside = muxer as unknown as MuxerInside;
  assert(typeof inside.send === "function" && typeof inside._newStream === "function", "yamux has changed inside");
  sendUnfailingly(inside);
  const create = inside._newStream.bind(muxer);
  inside._newStream = (...parameters) => updateSeldom(create(...parameters));
  return muxer;
}

/** What is sent over a closed connection is lost, as if it had been sent a moment before. */
function sendUnfailingly(muxer: MuxerInside): void {
  const send = muxer.send.bind(muxer);
  muxer.send = (data) => {
    try {
      return send(data);
    } catch (reason) {
      if (!(reason instanceof Error && reason.name === "StreamStateError")) throw reason;
      return false;
    }
  };
}

/** The first update, which carries the opening of the stream or its acceptance, is sent at once: no window is used up by then. */
function updateSeldom(stream: StreamInside): StreamInside {
  const { recvWindow, recvWindowCapacity, sendWindowUpdate } = stream;
  const isKnown = typeof sendWindowUpdate === "function" && recvWindow > 0 && recvWindowCapacity >= 0;
  assert(isKnown, "a stream of yamux has changed inside");
  const update = stream.sendWindowUpdate.bind(stream);
  let isEstablished = false;
  stream.sendWindowUpdate = () => {
    if (isEstablished && stream.recvWindowCapacity > stream.recvWindow / 2) return;
    isEstablished = true;
    update();
  };
  return stream;
}
