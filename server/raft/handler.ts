// The shape of the tables handler[role][message]. The compiler proves each table complete.

import type { NodeId } from "../../proto/ids.ts";
import type { RaftMessage } from "../../proto/raft.ts";
import type { Member } from "./member.ts";

export type MessageOf<Type extends RaftMessage["type"]> = Extract<RaftMessage, { type: Type }>;

/** Handles a message of the member's own term; only a pre-vote and its grant may come with another. */
type Handler<Type extends RaftMessage["type"]> = (member: Member, from: NodeId, message: MessageOf<Type>) => void;

export type Handlers = { readonly [Type in RaftMessage["type"]]: Handler<Type> };

/** For messages that mean nothing to a role: late answers to what the member no longer asks. */
export function ignore(): void {}
