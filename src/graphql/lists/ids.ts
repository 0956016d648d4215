/** Global ids: the name of a type and the id of a row as one opaque string, base64url of `Thread:0199...`. */
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

/** @throws {BadInputError} for a string that `encodeGlobalId` did not make for one of our types. */
export function decodeGlobalId(globalId: string): { typename: string; id: string } {
  const [, typename, id] = PLAIN.exec(Buffer.from(globalId, "base64url").toString()) ?? [];
  if (typename === undefined || id === undefined || encodeGlobalId(typename, id) !== globalId) {
    throw new BadInputError(`Not an id of this API: ${JSON.stringify(globalId.slice(0, 100))}`);
  }
  return { typename, id };
}

/** Pothos' message for a valid id of a type that the argument does not accept. */
const WRONG_TYPE = /^ID: (\S+) is not of type: (.+)$/;

/** Our message for this case, with both types; null for other messages of Pothos. */
export function explainWrongType(message: string): string | null {
  const [, globalId, expected] = WRONG_TYPE.exec(message) ?? [];
  if (globalId === undefined) return null;
  return `Expected an id of type ${expected}, but ${globalId} has type ${decodeGlobalId(globalId).typename}`;
}
