// SessionService: sessions, and the stream of calls, for which see session/.

import { create } from "@bufbuild/protobuf";
import { uint64 } from "../../../proto/codec/integers.ts";
import * as wire from "../../../proto/gen/bailiwick/v1/session_pb.ts";
import { limits } from "../../node/limits.ts";
import type { CallContext } from "../call-context.ts";
import { invalid, readGroup, readMs } from "../convert/fields.ts";
import { toHeader } from "../convert/headers.ts";
import { defineService } from "../service.ts";
import { SessionStream } from "../session/session-stream.ts";

export const sessionService = defineService(
  wire.SessionService,
  {
    openSession,
    closeSession,
    session(stream, world) {
      new SessionStream(stream, world);
    },
  },
  {},
);

const ttlBounds = { usual: limits.sessionTtlMsUsual, min: limits.sessionTtlMsMin, max: limits.sessionTtlMsMax };

async function openSession(request: wire.OpenSessionRequest, context: CallContext): Promise<wire.OpenSessionResponse> {
  const { header, session, ttlMs, sequence } = await context.ask({
    type: "openSession",
    group: readGroup(request.group),
    session: request.session === "" ? null : request.session,
    ttlMs: readMs(request.ttlMs, "ttl_ms", ttlBounds),
  });
  return create(wire.OpenSessionResponseSchema, {
    header: toHeader(context.self, header),
    session,
    ttlMs,
    sequence: uint64.toWire(sequence, "sequence"),
  });
}

async function closeSession(
  request: wire.CloseSessionRequest,
  context: CallContext,
): Promise<wire.CloseSessionResponse> {
  const { session } = request;
  if (session === "") throw invalid("session", "The session is missing");
  const { header } = await context.ask({ type: "closeSession", group: readGroup(request.group), session });
  return create(wire.CloseSessionResponseSchema, { header: toHeader(context.self, header) });
}
