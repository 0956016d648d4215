/** The stream of one model call: its events in, the text as it comes and at the end the whole answer out. */
import type { Stream } from "openai/core/streaming";
import type { Response, ResponseOutputItem, ResponseStreamEvent } from "openai/resources/responses/responses";
import type { ModelAnswer } from "./model.ts";
import { ModelError } from "./model-error.ts";
import { toFailure } from "./model-fault.ts";
import { createTextWriter } from "./model-text.ts";

interface StreamReader {
  onText(delta: string): void;
  onEvent(): void;
  /** How long a server that has said all may take to end its stream. */
  lingerMs: number;
  signal: AbortSignal;
}

/** What a stream says of an answer. */
type StreamedAnswer = Omit<ModelAnswer, "settings">;

/** Reads to the stream's own end: one that is left earlier loses its connection, and the next call pays for a new one. */
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
    // A connection that breaks when all is said takes nothing back.
    if (!answer) throw error;
  } finally {
    clearTimeout(linger);
  }
  if (answer) return answer;
  // The SDK ends the loop silently when it is aborted and when the server closes early.
  reader.signal.throwIfAborted();
  throw new ModelError("MODEL_STREAM_BROKEN", "The model's stream ended without a terminal event.");
}

/** Takes event by event; the terminal one makes the answer. */
function createEventReader(
  onText: (delta: string) => void,
): (event: ResponseStreamEvent) => StreamedAnswer | undefined {
  const items: ResponseOutputItem[] = [];
  const writer = createTextWriter(onText);
  return (event) => {
    switch (event.type) {
      case "response.output_text.delta":
      case "response.refusal.delta":
        writer.write(event.item_id, event.delta);
        return;
      case "response.output_item.done":
        items.push(event.item);
        return;
      case "response.completed":
        writer.end();
        return toAnswer(event.response, items, { status: "completed" });
      case "response.incomplete":
        writer.end();
        return toAnswer(event.response, items, {
          status: "incomplete",
          reason: event.response.incomplete_details?.reason ?? "unknown",
        });
      case "response.failed":
        throw toFailure(event.response.error);
      // The SDK throws some forms of this event itself, and hands on others.
      case "error":
        throw toFailure(event);
    }
  };
}

function toAnswer(response: Response, items: ResponseOutputItem[], outcome: StreamedAnswer["outcome"]): StreamedAnswer {
  const { usage } = response;
  return {
    outcome,
    items,
    calls: items
      .filter((item) => item.type === "function_call")
      .map((call) => ({ callId: call.call_id, name: call.name, arguments: call.arguments })),
    usage: usage
      ? {
          inputTokens: usage.input_tokens,
          cachedInputTokens: usage.input_tokens_details?.cached_tokens ?? 0,
          outputTokens: usage.output_tokens,
          reasoningTokens: usage.output_tokens_details?.reasoning_tokens ?? 0,
        }
      : null,
  };
}
