/** The delivery of a run's answer. */
import { type DeliveryRow, findDeliveries } from "../../../db/queries/admin/runs.ts";
import { builder } from "../../builder.ts";
import { type AdminContext, inOrderOf } from "../../context.ts";
import { Run } from "../nodes.ts";

interface DeliveryState {
  readonly status: "pending" | "partial" | "delivered" | "failed";
  readonly telegramMessageIds: readonly number[];
  readonly deliveredAt: Date | null;
  readonly error: string | null;
}

const PENDING: DeliveryState = { status: "pending", telegramMessageIds: [], deliveredAt: null, error: null };

export const DeliveryStatus = builder.enumType("DeliveryStatus", {
  description: "How much of an answer is visible to the person who asked.",
  values: {
    PENDING: { value: "pending", description: "Nothing yet." },
    PARTIAL: { value: "partial", description: "A part of it." },
    DELIVERED: { value: "delivered", description: "All of it." },
    FAILED: { value: "failed", description: "The answer could not be shown completely. There are no more retries." },
  } satisfies Record<string, { value: DeliveryState["status"]; description: string }>,
});

const Delivery = builder.objectRef<DeliveryState>("Delivery").implement({
  description:
    "The delivery of an answer to the person who asked. A run ends when its answer is stored, even if the delivery is pending or fails.",
  fields: (t) => ({
    status: t.expose("status", { type: DeliveryStatus, description: "How much of the answer is visible." }),
    telegramMessageIds: t.idList({
      description:
        "Telegram's ids of the messages with the answer, in order; empty in a terminal, and after the group became a supergroup.",
      resolve: (delivery) => delivery.telegramMessageIds.map(String),
    }),
    deliveredAt: t.expose("deliveredAt", {
      type: "DateTime",
      nullable: true,
      description: "When the whole answer became visible.",
    }),
    error: t.exposeString("error", { nullable: true, description: "The last error of the delivery." }),
  }),
});

builder.objectFields(Run, (t) => ({
  delivery: t.field({
    type: Delivery,
    description: "The delivery of the answer.",
    resolve: (row, _, context) => loadDelivery(context, row.id),
  }),
}));

/** The delivery of a run. One statement reads that of all runs in the operation. */
function loadDelivery(context: AdminContext, runId: string): Promise<DeliveryState> {
  return context.load("delivery", runId, async (runIds) => {
    const rows = await findDeliveries(context.db, runIds);
    return inOrderOf(runIds, rows, (row) => row.runId, null).map(toState);
  });
}

function toState(row: DeliveryRow | null): DeliveryState {
  if (row?.reply) return row.reply;
  // The terminal shows the answer while it is generated: no reply is sent that could fail.
  if (row?.chatType === "terminal" && row.runCompletedAt !== null) {
    return { ...PENDING, status: "delivered", deliveredAt: row.runCompletedAt };
  }
  return PENDING;
}
