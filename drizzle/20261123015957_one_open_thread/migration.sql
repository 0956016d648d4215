-- One open thread a chat or forum topic. By hand: drizzle-kit has no word for a partial unique index with NULLS NOT DISTINCT.
CREATE UNIQUE INDEX "threads_one_open" ON "threads" ("chat_id", "topic_id") NULLS NOT DISTINCT WHERE "status" = 'open';
