/**
 * The format of admin tokens. The first start, the command `token` and the admin API make them.
 *
 * A token is `ch_abcdef_` and 32 random bytes as base64url. The prefix is stored and shown to tell tokens apart; it is no secret.
 * The 256 bits after it are never stored. Tokens are not parsed: a token is valid if its hash is stored. So tokens of an older
 * format stay valid.
 */
import { randomBytes, randomInt } from "node:crypto";

export interface NewToken {
  readonly token: string;
  /** The first nine characters: `ch_` and six letters. */
  readonly prefix: string;
}

/** Letters only, so that people can read them aloud. */
const PREFIX_LETTERS = 6;
const SECRET_BYTES = 32;

/** Why the name of a token is invalid; null if it is valid. */
export type NameFault = "blank" | "too long" | "unprintable" | null;

export const MAX_NAME_LENGTH = 100;

export function makeToken(): NewToken {
  const letters = Array.from({ length: PREFIX_LETTERS }, () => String.fromCharCode(97 + randomInt(26)));
  const prefix = `ch_${letters.join("")}`;
  return { token: `${prefix}_${randomBytes(SECRET_BYTES).toString("base64url")}`, prefix };
}

/** `name` must be trimmed. Names appear in logs and on terminals: no control characters, no lone surrogates. */
export function findNameFault(name: string): NameFault {
  if (name === "") return "blank";
  if (name.length > MAX_NAME_LENGTH) return "too long";
  return /[\p{Cc}\p{Cs}\u2028\u2029]/u.test(name) ? "unprintable" : null;
}
