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
    description: "When a worker first started the run.",
  }),
  firstTokenAt: t.expose("firstTokenAt", {
    type: "DateTime",
    nullable: true,
    description: "When the first text of the model arrived.",
  }),
  firstTextMs: fromColumns(t, "queuedAt", "firstTokenAt").int({
    nullable: true,
    description: "From storing the question to the first text of the model, in milliseconds; null until then.",
    resolve: (row) => durationMs(row.queuedAt, row.firstTokenAt),
  }),
  stopRequestedAt: t.expose("stopRequestedAt", {
    type: "DateTime",
    nullable: true,
    description: "When somebody asked to stop the run; null if nobody did.",
  }),
  completedAt: t.expose("completedAt", { type: "DateTime", nullable: true, description: "When the run ended." }),
  durationMs: fromColumns(t, "startedAt", "completedAt").int({
    nullable: true,
    description: "From start to end, in milliseconds; null until the run ends.",
    resolve: (row) => durationMs(row.startedAt, row.completedAt),
  }),
}));
