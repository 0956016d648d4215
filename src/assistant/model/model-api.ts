/** What a model call takes, and what an API of model servers must be able to do. */

import type { BuilderOptions } from "./answer/answer-builder.ts";
import type { StreamedAnswer } from "./answer/streamed-answer.ts";
import type { EventReader } from "./event-stream.ts";
import type { ModelSettings } from "./settings.ts";

export interface ModelTool {
  name: string;
  description: string;
  parameters: Record<string, unknown>;
}

export interface ModelRequest {
  instructions: string;
  input: object[];
  tools: ModelTool[];
  /** False: the model must answer without tools. */
  mayCallTools: boolean;
  /** The key of the provider's prompt cache: the thread's id. */
  cacheKey: string;
  /** A hash of the asker, at most 64 characters; never a Telegram id. Null for none. */
  safetyIdentifier: string | null;
}

/** One of the two APIs that servers speak. */
export interface ModelApi {
  /** Of its requests, below the base URL. */
  readonly path: string;
  /** Sends the request. @returns the response once its headers are there. @throws what OpenAI's SDK throws. */
  open(request: ModelRequest, settings: ModelSettings, signal: AbortSignal): Promise<Response>;
  /** A reader for one response. */
  createReader(options: BuilderOptions): EventReader<StreamedAnswer>;
}
