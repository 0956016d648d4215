CREATE TABLE "real_bots" (
	"id" bigint PRIMARY KEY,
	"first_started_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "admin_tokens" ADD COLUMN "sandbox" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "staff" ADD COLUMN "sandbox" boolean GENERATED ALWAYS AS ("telegram_user_id" > 4503599627370495) STORED;--> statement-breakpoint
-- From here on by hand: what was made in the sandbox is taken back.
--
-- The sandbox's bot had an id that a real one could have. It stands above all of Telegram's now, as its people do.
UPDATE "chats" SET "bot_id" = 4503599627370496 WHERE "bot_id" = 1000;--> statement-breakpoint
UPDATE "updates_seen" SET "bot_id" = 4503599627370496 WHERE "bot_id" = 1000;--> statement-breakpoint
UPDATE "stranger_notices" SET "bot_id" = 4503599627370496 WHERE "bot_id" = 1000;--> statement-breakpoint
UPDATE "workers" SET "bot_id" = 4503599627370496 WHERE "bot_id" = 1000;--> statement-breakpoint
DELETE FROM "pollers" WHERE "bot_id" = 1000;--> statement-breakpoint
INSERT INTO "real_bots" ("id", "first_started_at")
SELECT "bot_id", min("created_at") FROM "chats" WHERE "bot_id" < 4503599627370496 GROUP BY "bot_id";
--> statement-breakpoint
-- Real people whom an invite of the sandbox's let in or gave more rights, and all whom those invited in turn, lose their
-- access. Its own people keep theirs: no real bot knows them any more.
WITH RECURSIVE "invited" AS (
	-- By the invite that they used last; where there is none, by what their row says.
	SELECT "staff"."id" AS "who", CASE WHEN "last"."used_by" IS NULL THEN "staff"."invited_by" ELSE "last"."created_by" END AS "by"
	FROM "staff" LEFT JOIN LATERAL (
		SELECT "used_by", "created_by" FROM "invites" WHERE "used_by" = "staff"."id" ORDER BY "used_at" DESC LIMIT 1
	) AS "last" ON true
), "tainted" AS (
	SELECT "id" FROM "staff" WHERE "sandbox"
	UNION SELECT "invited"."who" FROM "invited" JOIN "tainted" ON "tainted"."id" = "invited"."by"
)
UPDATE "staff" SET "removed_at" = now() WHERE "removed_at" IS NULL AND NOT "sandbox" AND "id" IN (SELECT "id" FROM "tainted");
--> statement-breakpoint
-- As an owner's /remove does. `now()` is the beginning of this transaction: only those of above were removed then.
UPDATE "replies" SET "status" = 'delivered', "delivered_at" = now() FROM "runs" JOIN "staff" ON "staff"."id" = "runs"."asker_id"
WHERE "replies"."run_id" = "runs"."id" AND "staff"."removed_at" = now() AND "runs"."status" = 'queued' AND "replies"."status" IN ('pending', 'partial');
--> statement-breakpoint
UPDATE "replies" SET "status" = 'failed', "error" = 'The person who asked was removed from the staff.', "sending_since" = NULL
FROM "runs" JOIN "staff" ON "staff"."id" = "runs"."asker_id", "chats"
WHERE "replies"."run_id" = "runs"."id" AND "chats"."id" = "replies"."chat_id" AND "chats"."type" = 'private' AND "staff"."removed_at" = now()
	AND "replies"."final_text" IS NOT NULL AND "replies"."status" IN ('pending', 'partial');
--> statement-breakpoint
UPDATE "runs" SET "status" = 'cancelled', "stop_requested_at" = now(), "completed_at" = now() FROM "staff"
WHERE "staff"."id" = "runs"."asker_id" AND "staff"."removed_at" = now() AND "runs"."status" = 'queued';
--> statement-breakpoint
UPDATE "runs" SET "stop_requested_at" = now() FROM "staff"
WHERE "staff"."id" = "runs"."asker_id" AND "staff"."removed_at" = now() AND "runs"."stop_requested_at" IS NULL
	AND "runs"."status" IN ('in_progress', 'requires_action');
--> statement-breakpoint
-- Each start without an owner left a link to become one: they end now, and the next start makes the only one.
UPDATE "invites" SET "expires_at" = greatest(now(), "created_at" + interval '1 microsecond')
WHERE "created_by" IS NULL AND "used_at" IS NULL AND "expires_at" > now();
--> statement-breakpoint
-- A token does not say where it was made. Where there was a sandbox, those of its time are its own.
WITH "traces" AS (
	SELECT greatest(max("threads"."last_activity_at"), max("chats"."created_at")) AS "at"
	FROM "chats" LEFT JOIN "threads" ON "threads"."chat_id" = "chats"."id" WHERE "chats"."bot_id" = 4503599627370496
	UNION ALL SELECT greatest(max("created_at"), max("removed_at")) FROM "staff" WHERE "sandbox"
), "sandbox" AS (
	SELECT max("at") AS "ended_at",
		least((SELECT min("first_started_at") FROM "real_bots"), (SELECT min("created_at") FROM "staff" WHERE NOT "sandbox")) AS "real_since"
	FROM "traces"
)
UPDATE "admin_tokens" SET "sandbox" = true FROM "sandbox"
WHERE "ended_at" IS NOT NULL AND ("created_at" <= "ended_at" OR "real_since" IS NULL OR "created_at" < "real_since");
