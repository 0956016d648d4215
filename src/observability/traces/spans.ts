/**
 * The spans of one attempt at a run, with the names of OpenTelemetry's conventions for generative AI
 * (github.com/open-telemetry/semantic-conventions-genai, as of November 2026). Names of our own begin with `counterhand.`.
 *
 * Each attempt is a root: a worker that was killed never sends its span, and the next attempt would have no parent. The root
 * has neither model nor tokens, because tools such as Langfuse would count the tokens of the model calls twice.
 */
import {
  type Attributes,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type {
  AttemptTrace,
  ModelCallTrace,
  ToolCallTrace,
  TracedAnswer,
  TracedModelCall,
  TracedRun,
  TracedToolCall,
  TracedUsage,
} from "../tracer.ts";
import { answerContent, errorContent, inputContent, outputContent, questionContent, toolContent } from "./content.ts";
import { attributesOfServer } from "./model-server.ts";
import type { TracingOptions } from "./options.ts";

type Options = Pick<TracingOptions, "agentName" | "capturesContent" | "modelServer">;

/** Starts one span of the attempt. `subject` is the second half of its name. */
type StartSpan = (operation: string, subject: string, kind: SpanKind, attributes: Attributes) => Span;

/** Starts the root span. */
export function createAttemptTrace(tracer: Tracer, run: TracedRun, options: Options): AttemptTrace {
  const { agentName, capturesContent } = options;
  const startSpan =
    (parent: Span | null): StartSpan =>
    (operation, subject, kind, attributes) => {
      const named = { "gen_ai.operation.name": operation, "gen_ai.conversation.id": run.threadId, ...attributes };
      const context = parent ? trace.setSpan(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
      return tracer.startSpan(`${operation} ${subject}`, { kind, attributes: named }, context);
    };
  const root = startSpan(null)("invoke_agent", agentName, SpanKind.INTERNAL, {
    "gen_ai.agent.name": agentName,
    "counterhand.run.id": run.id,
    "counterhand.run.attempt": run.attempt,
    "counterhand.run.queued_ms": Math.round(run.queuedMs),
  });
  const startChild = startSpan(root);
  return {
    startModelCall(call) {
      if (capturesContent) root.setAttributes(questionContent(call.input));
      return startModelCall(startChild, call, options);
    },
    startToolCall: (call) => startToolCall(startChild, call, options),
    runEnded({ outcome, text }) {
      root.setAttribute("counterhand.run.status", outcome.status);
      if (capturesContent) root.setAttributes(answerContent(text));
      if (outcome.errorCode !== null) fail(root, outcome.errorCode, capturesContent ? outcome.errorMessage : null);
      root.end();
    },
    runHandedOver(reason) {
      root.setAttribute("counterhand.run.handover", reason);
      if (reason !== "shutdown") fail(root, reason);
      root.end();
    },
  };
}

function startModelCall(startSpan: StartSpan, call: TracedModelCall, options: Options): ModelCallTrace {
  const { capturesContent, modelServer } = options;
  const span = startSpan("chat", call.model, SpanKind.CLIENT, {
    ...attributesOfServer(modelServer),
    "gen_ai.request.model": call.model,
    "gen_ai.request.max_tokens": call.maxOutputTokens,
    "gen_ai.request.stream": true,
    ...(capturesContent ? inputContent(call) : {}),
  });
  return {
    answered(answer) {
      const finishReason = finishReasonOf(answer);
      span.setAttributes({
        "gen_ai.response.finish_reasons": [finishReason],
        ...(answer.usage ? attributesOfUsage(answer.usage) : {}),
        ...(capturesContent ? outputContent(answer, finishReason) : {}),
      });
      span.end();
    },
    failed(error) {
      span.setAttribute("gen_ai.response.finish_reasons", ["error"]);
      fail(span, error);
      span.end();
    },
  };
}

/** The tool's error is in its result: it may quote the arguments. */
function startToolCall(startSpan: StartSpan, call: TracedToolCall, { capturesContent }: Options): ToolCallTrace {
  // Names that the model invents would be spans without number.
  const name = call.name ?? "_OTHER";
  const span = startSpan("execute_tool", name, SpanKind.INTERNAL, {
    "gen_ai.tool.name": name,
    "gen_ai.tool.type": "function",
    "gen_ai.tool.call.id": call.callId,
    ...(capturesContent ? toolContent("arguments", call.arguments) : {}),
  });
  return {
    ended({ output, error }) {
      if (capturesContent) span.setAttributes(toolContent("result", output));
      if (error !== null) fail(span, call.name === null ? "UNKNOWN_TOOL" : "TOOL_FAILED");
      span.end();
    },
    aborted() {
      fail(span, "aborted");
      span.end();
    },
  };
}

function attributesOfUsage(usage: TracedUsage): Attributes {
  return {
    "gen_ai.usage.input_tokens": usage.inputTokens,
    "gen_ai.usage.cache_read.input_tokens": usage.cachedInputTokens,
    "gen_ai.usage.output_tokens": usage.outputTokens,
    "gen_ai.usage.reasoning.output_tokens": usage.reasoningTokens,
  };
}

/** The conventions' words for the reasons of the Responses API. A server may send any other: it is not passed on. */
const CUT_SHORT: Readonly<Record<string, string>> = { max_output_tokens: "length", content_filter: "content_filter" };

function finishReasonOf({ outcome, calls }: TracedAnswer): string {
  if (outcome.status === "completed") return calls.length > 0 ? "tool_call" : "stop";
  return CUT_SHORT[outcome.reason] ?? "error";
}

function fail(span: Span, error: string, message: string | null = null): void {
  span.setAttribute("error.type", error);
  span.setStatus({ code: SpanStatusCode.ERROR, ...(message ? { message: errorContent(message) } : {}) });
}
