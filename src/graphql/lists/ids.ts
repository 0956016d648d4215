/** Global ids: a type's name and a row's id in one opaque word, base64url of `Thread:0199...`. */
import { BadInputError } from "../../errors.ts";

const NODE_TYPES = [
  "AdminToken",
  "Chat",
  "Import",
  "Invite",
  "Message",
  "Run",
  "StaffMember",
  "Thread",
  "ToolCall",
] as const;

export type NodeType = (typeof NODE_TYPES)[number];

const PLAIN = new RegExp(`^(${NODE_TYPES.join("|")}):([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$`);

export function encodeGlobalId(type: string, id: string): string {
  return Buffer.from(`${type}:${id}`).toString("base64url");
}

/** @throws {BadInputError} for anything that `encodeGlobalId` did not make for one of our types. */
export function decodeGlobalId(globalId: string): { typename: string; id: string } {
  const [, typename, id] = PLAIN.exec(Buffer.from(globalId, "base64url").toString()) ?? [];
  if (typename === undefined || id === undefined || encodeGlobalId(typename, id) !== globalId) {
    throw new BadInputError(`Not an id of this API: ${JSON.stringify(globalId.slice(0, 100))}`);
  }
  return { typename, id };
}

/** What Pothos says of an id of ours that is of none of the types that an argument is for. */
const WRONG_TYPE = /^ID: (\S+) is not of type: (.+)$/;

/** Our words for that, with both types; null for anything else that Pothos may refuse. */
export function explainWrongType(refusal: string): string | null {
  const [, globalId, needed] = WRONG_TYPE.exec(refusal) ?? [];
  if (globalId === undefined) return null;
  return `An id of type ${needed} is needed here, and ${globalId} is one of type ${decodeGlobalId(globalId).typename}`;
}
