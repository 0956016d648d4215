/** getUpdates, setWebhook, deleteWebhook and getWebhookInfo. */
import { z } from "zod";
import { badRequest } from "../refusal.ts";
import { UPDATE_KINDS } from "../updates/update-kinds.ts";
import { defineMethod } from "./method.ts";

const allowedUpdates = z.array(z.enum(UPDATE_KINDS));

export const getUpdates = defineMethod({
  name: "getUpdates",
  parameters: {
    offset: z.int().optional(),
    limit: z.int().min(1).max(100).optional(),
    timeout: z.int().min(0).max(50).optional(),
    allowed_updates: allowedUpdates.optional(),
  },
  execute: (params, { updates, signal }) => updates.fetch(params, signal),
});

export const setWebhook = defineMethod({
  name: "setWebhook",
  parameters: {
    url: z.string(),
    max_connections: z.int().min(1).max(100).optional(),
    allowed_updates: allowedUpdates.optional(),
    drop_pending_updates: z.boolean().optional(),
    secret_token: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,256}$/, "secret token contains unallowed characters")
      .optional(),
  },
  execute(params, { updates }) {
    const { url, secret_token: secretToken, max_connections: maxConnections } = params;
    if (url !== "") checkLoopback(url);
    const target = url === "" ? undefined : { url, secretToken, maxConnections };
    const { allowed_updates, drop_pending_updates } = params;
    updates.setWebhook(target, { allowedUpdates: allowed_updates, dropPendingUpdates: drop_pending_updates });
    return true;
  },
});

export const deleteWebhook = defineMethod({
  name: "deleteWebhook",
  parameters: { drop_pending_updates: z.boolean().optional() },
  execute(params, { updates }) {
    updates.setWebhook(undefined, { dropPendingUpdates: params.drop_pending_updates });
    return true;
  },
});

export const getWebhookInfo = defineMethod({
  name: "getWebhookInfo",
  parameters: {},
  execute: (_params, { updates }) => updates.webhookInfo(),
});

/** Telegram requires a public HTTPS address. A stand-in must only post to its own machine. */
function checkLoopback(url: string): void {
  const hostname = URL.parse(url)?.hostname;
  if (hostname === undefined) throw badRequest("bad webhook: invalid URL");
  if (!["127.0.0.1", "localhost", "[::1]"].includes(hostname)) {
    throw badRequest("bad webhook: the stand-in delivers to this machine only");
  }
}
