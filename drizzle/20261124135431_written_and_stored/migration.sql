ALTER TABLE "messages" ADD COLUMN "sent_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
-- By hand: else everything ever said would count as said at this moment, and whoever asks next as asking too much.
UPDATE "messages" SET "sent_at" = "created_at";--> statement-breakpoint
CREATE INDEX "messages_sent_by" ON "messages" ("author_id","sent_at") WHERE "author_id" is not null;
