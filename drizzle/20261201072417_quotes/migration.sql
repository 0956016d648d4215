ALTER TABLE "messages" ADD COLUMN "quote_text" text;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "quote_context" text;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "quote_message_id" uuid;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "quote_visible_to" "staff_role";--> statement-breakpoint
CREATE INDEX "replies_in_telegram" ON "replies" USING gin ("telegram_message_ids") WITH (fastupdate=false);--> statement-breakpoint
ALTER TABLE "messages" ADD CONSTRAINT "messages_quote_message_id_messages_id_fkey" FOREIGN KEY ("quote_message_id") REFERENCES "messages"("id");--> statement-breakpoint
ALTER TABLE "messages" ADD CONSTRAINT "messages_quote_has_text" CHECK ("quote_text" is not null or num_nonnulls("quote_context", "quote_message_id", "quote_visible_to") = 0);