/** answerCallbackQuery. */
import { z } from "zod";
import { badRequest } from "../refusal.ts";
import { defineMethod } from "./method.ts";

/** Source: core.telegram.org/bots/api#answercallbackquery. */
const MAX_ANSWER_LENGTH = 200;

export const answerCallbackQuery = defineMethod({
  name: "answerCallbackQuery",
  parameters: {
    callback_query_id: z.string(),
    text: z.string().optional(),
    show_alert: z.boolean().optional(),
    cache_time: z.int().min(0).optional(),
  },
  execute(params, { world }) {
    const callback = world.callbacks.get(params.callback_query_id);
    const state = world.findChat(callback?.chatId);
    if (!callback || !state || callback.isAnswered) throw badRequest(TOO_OLD);
    if ([...(params.text ?? "")].length > MAX_ANSWER_LENGTH) throw badRequest("MESSAGE_TOO_LONG");
    callback.isAnswered = true;
    const queryId = params.callback_query_id;
    world.record(state, { kind: "callback-answer", queryId, text: params.text, showAlert: params.show_alert ?? false });
    return true;
  },
});

const TOO_OLD = "query is too old and response timeout expired or query ID is invalid";
