CREATE TABLE "run_rounds" (
	"run_id" uuid,
	"round" integer,
	"model" text NOT NULL,
	"prompt_version" text NOT NULL,
	"settings" jsonb NOT NULL,
	"input_tokens" integer,
	"cached_input_tokens" integer,
	"output_tokens" integer,
	"reasoning_tokens" integer,
	"started_at" timestamp with time zone NOT NULL,
	"first_token_at" timestamp with time zone,
	"completed_at" timestamp with time zone NOT NULL,
	CONSTRAINT "run_rounds_pkey" PRIMARY KEY("run_id","round")
);
--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "changed_in" xid8 DEFAULT pg_current_xact_id() NOT NULL;--> statement-breakpoint
ALTER TABLE "replies" ADD COLUMN "changed_in" xid8 DEFAULT pg_current_xact_id() NOT NULL;--> statement-breakpoint
ALTER TABLE "run_text" ADD COLUMN "changed_in" xid8 DEFAULT pg_current_xact_id() NOT NULL;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "duration_ms" integer GENERATED ALWAYS AS (case when "started_at" is null or "completed_at" is null then -1
        else least(greatest(extract(epoch from "completed_at" - "started_at") * 1000, 0), 2147483647)::integer end) STORED;--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "changed_in" xid8 DEFAULT pg_current_xact_id() NOT NULL;--> statement-breakpoint
ALTER TABLE "tool_calls" ADD COLUMN "duration_ms" integer GENERATED ALWAYS AS (case when "started_at" is null or "completed_at" is null then -1
        else least(greatest(extract(epoch from "completed_at" - "started_at") * 1000, 0), 2147483647)::integer end) STORED;--> statement-breakpoint
ALTER TABLE "tool_calls" ADD COLUMN "changed_in" xid8 DEFAULT pg_current_xact_id() NOT NULL;--> statement-breakpoint
ALTER TABLE "admin_tokens" ADD COLUMN "prefix" text;--> statement-breakpoint
ALTER TABLE "admin_tokens" ADD COLUMN "created_by" text;--> statement-breakpoint
CREATE INDEX "messages_changed" ON "messages" ("changed_in");--> statement-breakpoint
CREATE INDEX "replies_changed" ON "replies" ("changed_in");--> statement-breakpoint
CREATE INDEX "runs_of_asker" ON "runs" ("asker_id","queued_at","id");--> statement-breakpoint
CREATE INDEX "runs_by_error" ON "runs" ("error_code","queued_at","id") WHERE "error_code" is not null;--> statement-breakpoint
CREATE INDEX "runs_by_duration" ON "runs" ("duration_ms","id");--> statement-breakpoint
CREATE INDEX "runs_changed" ON "runs" ("changed_in");--> statement-breakpoint
CREATE INDEX "tool_calls_failed" ON "tool_calls" ("created_at","id") WHERE "status" = 'failed';--> statement-breakpoint
CREATE INDEX "tool_calls_by_duration" ON "tool_calls" ("duration_ms","id");--> statement-breakpoint
CREATE INDEX "tool_calls_changed" ON "tool_calls" ("changed_in");--> statement-breakpoint
CREATE INDEX "imports_by_completion" ON "imports" ("completed_at","id");--> statement-breakpoint
CREATE INDEX "admin_tokens_by_creation" ON "admin_tokens" ("created_at","id");--> statement-breakpoint
CREATE INDEX "invites_by_creation" ON "invites" ("created_at","id");--> statement-breakpoint
ALTER TABLE "run_rounds" ADD CONSTRAINT "run_rounds_run_id_runs_id_fkey" FOREIGN KEY ("run_id") REFERENCES "runs"("id");--> statement-breakpoint
-- From here on by hand: drizzle-kit has no word for functions and triggers, and `search` is to be read by no `select()`.
--
-- The words of a text as a search finds them: without accents and case, in English and Vietnamese alike. Letters are taken
-- apart (NFD) and lose their marks, so that no extension is needed and a database with a C collation does as well; `đ` has
-- no mark to lose. Punctuation, symbols and emoji end a word. `src/db/queries/fold.ts` does the same to what is looked for.
-- A text beyond 100,000 characters is found by its beginning: a tsvector has a limit, and storing must not fail.
CREATE FUNCTION "words_of"(said text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_tsvector('pg_catalog.simple', regexp_replace(
	translate(lower(regexp_replace(normalize(left(said, 100000), NFD), '[\u0300-\u036f]+', '', 'g') COLLATE "C"), 'đĐ', 'dd'),
	'[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u2000-\u206f\u20a0-\u20cf\u2190-\u2bff\u3000-\u303f\ufe00-\ufe0f\U0001f000-\U0001faff]+', ' ', 'g'));
--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "search" tsvector GENERATED ALWAYS AS (words_of("text")) STORED;
--> statement-breakpoint
CREATE INDEX "messages_by_words" ON "messages" USING gin ("search");
--> statement-breakpoint
-- News for the live API (`changed_in`): what an admin sees of a row has changed. A lease that is renewed is no news.
CREATE FUNCTION "note_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.changed_in := pg_current_xact_id();
	RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER "messages_note_change" BEFORE UPDATE ON "messages" FOR EACH ROW
WHEN ((OLD.text, OLD.completed_at, OLD.run_id) IS DISTINCT FROM (NEW.text, NEW.completed_at, NEW.run_id))
EXECUTE FUNCTION note_change();
--> statement-breakpoint
CREATE TRIGGER "runs_note_change" BEFORE UPDATE ON "runs" FOR EACH ROW
WHEN ((OLD.status, OLD.attempt, OLD.model, OLD.stop_requested_at, OLD.error_code, OLD.error_message, OLD.input_tokens, OLD.output_tokens, OLD.started_at, OLD.first_token_at, OLD.completed_at)
	IS DISTINCT FROM (NEW.status, NEW.attempt, NEW.model, NEW.stop_requested_at, NEW.error_code, NEW.error_message, NEW.input_tokens, NEW.output_tokens, NEW.started_at, NEW.first_token_at, NEW.completed_at))
EXECUTE FUNCTION note_change();
--> statement-breakpoint
CREATE TRIGGER "tool_calls_note_change" BEFORE UPDATE ON "tool_calls" FOR EACH ROW
WHEN ((OLD.status, OLD.output, OLD.error, OLD.started_at, OLD.completed_at) IS DISTINCT FROM (NEW.status, NEW.output, NEW.error, NEW.started_at, NEW.completed_at))
EXECUTE FUNCTION note_change();
--> statement-breakpoint
CREATE TRIGGER "replies_note_change" BEFORE UPDATE ON "replies" FOR EACH ROW
WHEN ((OLD.status, OLD.telegram_message_ids, OLD.error, OLD.delivered_at) IS DISTINCT FROM (NEW.status, NEW.telegram_message_ids, NEW.error, NEW.delivered_at))
EXECUTE FUNCTION note_change();
