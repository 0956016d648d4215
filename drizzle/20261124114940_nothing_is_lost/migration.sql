ALTER TYPE "stranger_notice" ADD VALUE 'too_many';--> statement-breakpoint
CREATE TABLE "message_revisions" (
	"id" uuid PRIMARY KEY,
	"message_id" uuid NOT NULL,
	"text" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "pollers" (
	"bot_id" bigint PRIMARY KEY,
	"worker_id" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "workers" (
	"id" integer PRIMARY KEY,
	"bot_id" bigint,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"lease_until" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "chats" ADD COLUMN "calls_at" timestamp with time zone[] DEFAULT '{}'::timestamp with time zone[] NOT NULL;--> statement-breakpoint
ALTER TABLE "chats" ADD COLUMN "rested_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "chats" ADD COLUMN "frozen_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "chats" ADD COLUMN "calls_by" integer;--> statement-breakpoint
ALTER TABLE "replies" ADD COLUMN "number" bigint GENERATED ALWAYS AS IDENTITY (sequence name "replies_number_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1);--> statement-breakpoint
ALTER TABLE "replies" ADD COLUMN "sending_since" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "replies" ADD COLUMN "resent_count" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "handovers" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "retry_of" uuid;--> statement-breakpoint
DROP INDEX "replies_waiting";--> statement-breakpoint
CREATE INDEX "replies_waiting" ON "replies" ("chat_id","number") WHERE "status" in ('pending', 'partial');--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_retried_once" UNIQUE("retry_of");--> statement-breakpoint
CREATE INDEX "message_revisions_of_message" ON "message_revisions" ("message_id","created_at");--> statement-breakpoint
CREATE INDEX "messages_in_telegram" ON "messages" ("telegram_message_id") WHERE "telegram_message_id" is not null;--> statement-breakpoint
CREATE INDEX "updates_seen_age" ON "updates_seen" ("seen_at");--> statement-breakpoint
CREATE INDEX "workers_of_bot" ON "workers" ("bot_id","lease_until");--> statement-breakpoint
ALTER TABLE "message_revisions" ADD CONSTRAINT "message_revisions_message_id_messages_id_fkey" FOREIGN KEY ("message_id") REFERENCES "messages"("id");--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_retry_of_runs_id_fkey" FOREIGN KEY ("retry_of") REFERENCES "runs"("id");