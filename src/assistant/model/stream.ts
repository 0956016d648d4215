/**
 * The stream of one model call: its events in, the text as it arrives and at the end the whole answer out.
 *
 * The server's data is parsed only here and in `items.ts`. Everything after that can be stored, and sent back to the server.
 */
import type { Stream } from "openai/core/streaming";
import type { ResponseStreamEvent } from "openai/resources/responses/responses";
import type { RoundUsage } from "../../db/queries/runs/run-rounds.ts";
import { MAX_ANSWER_ITEMS } from "../limits.ts";
import { ModelError } from "./error.ts";
import { toFailure } from "./fault.ts";
import { isRecord, type ParsedItem, readItem } from "./items.ts";
import { createTextWriter } from "./text.ts";
import { readUsage } from "./usage.ts";

interface StreamReader {
  onText(delta: string): void;
  onEvent(): void;
  /** How long a server may take to end its stream after its last event, in milliseconds. */
  lingerMs: number;
  signal: AbortSignal;
}

/** An answer as the stream delivered it. */
export interface StreamedAnswer {
  /** `incomplete`: the answer was cut short; `reason` is the provider's word, such as `max_output_tokens`. */
  outcome: { status: "completed" } | { status: "incomplete"; reason: string };
  /** Whole output items, reasoning included, as they must be sent back. */
  items: object[];
  calls: { callId: string; name: string; arguments: string }[];
  usage: RoundUsage | null;
}

/** Reads to the stream's end: a stream that is left earlier closes its connection, and the next call needs a new one. */
export async function readStream(stream: Stream<ResponseStreamEvent>, reader: StreamReader): Promise<StreamedAnswer> {
  const read = createEventReader(reader.onText);
  let answer: StreamedAnswer | undefined;
  let linger: NodeJS.Timeout | undefined;
  try {
    for await (const event of stream) {
      reader.onEvent();
      answer ??= read(event);
      if (answer) linger ??= setTimeout(() => stream.controller.abort(), reader.lingerMs);
    }
  } catch (error) {
    // A connection that breaks after the last event does not change the answer.
    if (!answer) throw error;
  } finally {
    clearTimeout(linger);
  }
  if (answer) return answer;
  // The SDK ends the loop silently when it is aborted and when the server closes early.
  reader.signal.throwIfAborted();
  throw new ModelError("MODEL_STREAM_BROKEN", "The model's stream ended without a terminal event.");
}

/** Takes event by event, also invalid ones. The terminal event returns the answer. */
function createEventReader(onText: (delta: string) => void): (event: unknown) => StreamedAnswer | undefined {
  const items: ParsedItem[] = [];
  const writer = createTextWriter(onText);
  const add = (item: ParsedItem | null) => {
    if (!item) return;
    if (items.length === MAX_ANSWER_ITEMS) {
      throw new ModelError("MODEL_TOO_LONG", `The answer has more than ${MAX_ANSWER_ITEMS} items.`);
    }
    items.push(item);
  };
  return (event) => {
    if (!isRecord(event)) return;
    const response = isRecord(event.response) ? event.response : {};
    switch (event.type) {
      case "response.output_text.delta":
      case "response.refusal.delta":
        if (typeof event.delta === "string")
          writer.write(typeof event.item_id === "string" ? event.item_id : "", event.delta);
        return;
      case "response.output_item.done":
        add(readItem(event.item));
        return;
      case "response.completed":
        writer.end();
        return toAnswer(response, items, { status: "completed" });
      case "response.incomplete":
        writer.end();
        return toAnswer(response, items, { status: "incomplete", reason: reasonIn(response.incomplete_details) });
      case "response.failed":
        throw toFailure(response.error);
      // The SDK throws some forms of this event itself, and passes others on.
      case "error":
        throw toFailure(event);
    }
  };
}

function toAnswer(
  { usage }: { usage?: unknown },
  items: readonly ParsedItem[],
  outcome: StreamedAnswer["outcome"],
): StreamedAnswer {
  return {
    outcome,
    items: items.map(({ item }) => item),
    calls: items.flatMap(({ call }) => call ?? []),
    usage: readUsage(usage),
  };
}

function reasonIn(details: unknown): string {
  return isRecord(details) && typeof details.reason === "string" ? details.reason : "unknown";
}
