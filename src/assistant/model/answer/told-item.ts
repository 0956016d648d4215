/** One item of an answer, as a server told it so far. */

export interface TextPart {
  kind: "text" | "refusal";
  text: string;
  /** It was told as a whole. */
  isWhole: boolean;
}

/** What an event says of the item that it speaks of. */
export interface Place {
  type: "message" | "call" | "reasoning";
  /** Null when the server does not say. */
  index: number | null;
  /** The item's id, and of a call its `call_id`. */
  id: string | null;
  callId: string | null;
  /** The event says that an item begins. */
  isOpening?: boolean;
  /** Whether what the event says could be said of a known item. Left out for an event without content. */
  isLike?(item: ToldItem): boolean;
}

export interface ToldItem {
  readonly type: Place["type"];
  index: number | null;
  /** All ids that it was given. Some servers give a new one in each event. */
  readonly ids: Set<string>;
  /** It was told as a whole. */
  isDone: boolean;
  /** The fields of the item besides those below, by the names of the Responses API. */
  fields: Record<string, unknown>;
  /** Of a message, by their index. */
  readonly parts: TextPart[];
  name: string;
  callId: string;
  /** Of a call: the pieces joined, and besides them the fullest whole that was told. */
  argumentPieces: string;
  wholeArguments: string | null;
  /** The finished item before it that it may repeat: some servers tell things twice. */
  readonly mayRepeat: ToldItem | null;
}

export function createToldItem({ type, index, id, callId }: Place, mayRepeat: ToldItem | null): ToldItem {
  return {
    type,
    index,
    ids: new Set([id, callId].filter((each) => each !== null)),
    isDone: false,
    fields: {},
    parts: [],
    name: "",
    callId: "",
    argumentPieces: "",
    wholeArguments: null,
    mayRepeat,
  };
}

/** The text of a message so far. */
export function toldText({ parts }: ToldItem): string {
  return parts.length === 1 ? (parts[0]?.text ?? "") : parts.map(({ text }) => text).join("");
}

/** A part of a message. Parts are few: an index beyond them is the next one. */
export function partAt({ parts }: ToldItem, index: number, kind: TextPart["kind"]): TextPart {
  const known = parts[Math.min(index, parts.length)];
  if (known) return known;
  const part: TextPart = { kind, text: "", isWhole: false };
  parts.push(part);
  return part;
}
