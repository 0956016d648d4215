/**
 * What an admin token looks like, for all who make one: the first start, the command `token`, the admins' API.
 *
 * `ch_abcdef_` and 32 random bytes as base64url: the beginning, which is stored and shown, tells one token from another and
 * opens nothing; the 256 bits behind it are nowhere but with whoever holds the token. It is never parsed: whatever hashes to
 * a stored hash is valid, and so are the tokens of an older form.
 */
import { randomBytes, randomInt } from "node:crypto";

export interface NewToken {
  readonly token: string;
  /** The first nine characters: `ch_` and six letters. */
  readonly prefix: string;
}

/** Letters only, so that a person can read them out. */
const PREFIX_LETTERS = 6;
const SECRET_BYTES = 32;

/** What is wrong with a token's name; null for one that will do. */
export type NameFault = "blank" | "too long" | "unprintable" | null;

export const MAX_NAME_LENGTH = 100;

export function makeToken(): NewToken {
  const letters = Array.from({ length: PREFIX_LETTERS }, () => String.fromCharCode(97 + randomInt(26)));
  const prefix = `ch_${letters.join("")}`;
  return { token: `${prefix}_${randomBytes(SECRET_BYTES).toString("base64url")}`, prefix };
}

/** `name` without blanks at its ends. Names stand in logs and on terminals: no control characters, no half characters. */
export function findNameFault(name: string): NameFault {
  if (name === "") return "blank";
  if (name.length > MAX_NAME_LENGTH) return "too long";
  return /[\p{Cc}\p{Cs}\u2028\u2029]/u.test(name) ? "unprintable" : null;
}
