ALTER TYPE "stranger_notice" ADD VALUE 'album';--> statement-breakpoint
ALTER TABLE "threads" ADD COLUMN "waiting_run_id" uuid;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "has_attachment" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "media_group_id" text;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "waits_until" timestamp with time zone;