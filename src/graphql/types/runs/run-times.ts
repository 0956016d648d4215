/** When a run was queued, began and ended, and how long it took. */
import { builder } from "../../builder.ts";
import { Run } from "../nodes.ts";
import { fromColumns } from "../reading.ts";
import { durationMs } from "./duration.ts";

builder.objectFields(Run, (t) => ({
  queuedAt: t.expose("queuedAt", { type: "DateTime", description: "When the question was stored." }),
  startedAt: t.expose("startedAt", {
    type: "DateTime",
    nullable: true,
    description: "When a worker first began it.",
  }),
  firstTokenAt: t.expose("firstTokenAt", {
    type: "DateTime",
    nullable: true,
    description: "When the model's first words came.",
  }),
  firstTextMs: fromColumns(t, "queuedAt", "firstTokenAt").int({
    nullable: true,
    description: "From the question's storing to the model's first words, in milliseconds; null until they came.",
    resolve: (row) => durationMs(row.queuedAt, row.firstTokenAt),
  }),
  stopRequestedAt: t.expose("stopRequestedAt", {
    type: "DateTime",
    nullable: true,
    description: "When somebody asked to stop it; null unless somebody did.",
  }),
  completedAt: t.expose("completedAt", { type: "DateTime", nullable: true, description: "When it ended." }),
  durationMs: fromColumns(t, "startedAt", "completedAt").int({
    nullable: true,
    description: "From its beginning to its end, in milliseconds; null until it has ended.",
    resolve: (row) => durationMs(row.startedAt, row.completedAt),
  }),
}));
