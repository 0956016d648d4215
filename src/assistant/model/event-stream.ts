/**
 * The body of a server's response as parsed events: server-sent events, or one JSON document from a server that does not stream.
 *
 * Every byte counts as a sign that the server works, also comments, which servers send while they load a model or read a
 * long question.
 */
import { createParser } from "eventsource-parser";
import { MAX_RESPONSE_BYTES } from "../limits.ts";
import { ModelError } from "./errors/error.ts";
import { isRecord } from "./json.ts";

/** What a reader of events does with them. */
export interface EventReader<Answer> {
  /** Takes an event, also an invalid one. @returns the answer once it is known. @throws {ModelError} for a failure. */
  read(event: unknown): Answer | undefined;
  /** Whether everything was told that makes an answer, and at most details follow, such as its usage. */
  isComplete?(): boolean;
  /** The stream has ended, or said that it does. @returns the answer when it is complete all the same. */
  end(isMarkedEnd: boolean): Answer | undefined;
}

export interface StreamOptions {
  /** Called for each piece of the body. */
  onBytes(): void;
  /** How long a server may take to end its stream after its last event, in milliseconds. */
  lingerMs: number;
  signal: AbortSignal;
}

/** How long details may follow a complete answer: some servers leave the stream open after it. In milliseconds. */
const DETAILS_MS = 2_000;

/** An event stream is an end without content: `data: [DONE]`. */
const DONE = Symbol("done");

/**
 * Reads to the stream's end: a stream that is left earlier closes its connection, and the next call needs a new one.
 *
 * @throws {ModelError} `MODEL_STREAM_BROKEN` when the stream ends before the answer does.
 */
export async function readAnswer<Answer>(
  response: Response,
  reader: EventReader<Answer>,
  { onBytes, lingerMs, signal }: StreamOptions,
): Promise<Answer> {
  let answer: Answer | undefined;
  let bytes = 0;
  const body = response.body?.getReader();
  let linger: { timer: NodeJS.Timeout; ms: number } | undefined;
  const endIn = (ms: number) => {
    if (linger && linger.ms <= ms) return;
    clearTimeout(linger?.timer);
    linger = { ms, timer: setTimeout(() => void body?.cancel().catch(() => undefined), ms) };
  };
  const events = createEventQueue(response.headers.get("content-type"));
  const readEvents = () => {
    for (const event of events.take()) {
      answer ??= event === DONE ? reader.end(true) : reader.read(event);
      if (answer) endIn(lingerMs);
    }
    if (!answer && reader.isComplete?.()) endIn(DETAILS_MS);
  };
  try {
    for (let piece = await body?.read(); piece && !piece.done; piece = await body?.read()) {
      onBytes();
      bytes += piece.value.length;
      if (bytes > MAX_RESPONSE_BYTES)
        throw new ModelError("MODEL_TOO_LONG", `The response has more than ${MAX_RESPONSE_BYTES} bytes.`);
      events.add(piece.value);
      readEvents();
    }
    events.end();
    readEvents();
  } catch (error) {
    // A connection that breaks after the last event does not change the answer.
    if (!answer) {
      await body?.cancel().catch(() => undefined);
      throw error;
    }
  } finally {
    clearTimeout(linger?.timer);
  }
  signal.throwIfAborted();
  answer ??= reader.end(false);
  if (answer) return answer;
  throw noAnswer(response);
}

function noAnswer({ headers }: Response): ModelError {
  const type = headers.get("content-type") ?? "";
  if (type.includes("html"))
    return new ModelError("MODEL_REFUSED_REQUEST", "The model's server answered with a web page: see OPENAI_BASE_URL.");
  return new ModelError("MODEL_STREAM_BROKEN", "The model's stream ended without a terminal event.");
}

interface EventQueue {
  add(bytes: Uint8Array): void;
  end(): void;
  /** The events since the last time. @throws {ModelError} for one that is not JSON. */
  take(): unknown[];
}

function createEventQueue(contentType: string | null): EventQueue {
  const decoder = new TextDecoder();
  if (contentType?.includes("json")) return createDocumentQueue(decoder);
  let events: unknown[] = [];
  const parser = createParser({
    onEvent({ event, data }) {
      // Some servers send empty events to keep the connection open.
      if (data.trim() !== "") events.push(parseEvent(event, data));
    },
  });
  return {
    add: (bytes) => parser.feed(decoder.decode(bytes, { stream: true })),
    // Some servers leave out the blank line after the last event.
    end: () => parser.feed("\n\n"),
    take() {
      const taken = events;
      events = [];
      return taken;
    },
  };
}

function createDocumentQueue(decoder: TextDecoder): EventQueue {
  let text = "";
  let isEnd = false;
  return {
    add(bytes) {
      text += decoder.decode(bytes, { stream: true });
    },
    end() {
      isEnd = true;
    },
    take: () => (isEnd ? [parseEvent(undefined, text)] : []),
  };
}

/** An event without a type of its own gets the name that the stream gives it, and so does an error, whose type says which. */
function parseEvent(name: string | undefined, data: string): unknown {
  if (data.trim() === "[DONE]") return DONE;
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ModelError("MODEL_STREAM_BROKEN", "The model's stream is malformed.");
  }
  if (!isRecord(value) || name === undefined) return value;
  if (name === "error") return { ...value, type: name, code: value.code ?? value.type };
  return value.type === undefined ? { ...value, type: name } : value;
}
