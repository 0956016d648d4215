CREATE TYPE "chat_type" AS ENUM('private', 'group', 'supergroup', 'terminal');--> statement-breakpoint
CREATE TYPE "delivery_status" AS ENUM('pending', 'partial', 'delivered', 'failed');--> statement-breakpoint
CREATE TYPE "message_role" AS ENUM('user', 'assistant');--> statement-breakpoint
CREATE TYPE "run_status" AS ENUM('queued', 'in_progress', 'requires_action', 'completed', 'failed', 'cancelled', 'incomplete');--> statement-breakpoint
CREATE TYPE "thread_status" AS ENUM('open', 'closed');--> statement-breakpoint
CREATE TYPE "tool_call_status" AS ENUM('pending', 'running', 'succeeded', 'failed');--> statement-breakpoint
CREATE TYPE "import_kind" AS ENUM('products', 'sales');--> statement-breakpoint
CREATE TYPE "admin_scope" AS ENUM('viewer', 'admin');--> statement-breakpoint
CREATE TYPE "staff_role" AS ENUM('staff', 'manager', 'owner');--> statement-breakpoint
CREATE TYPE "stranger_notice" AS ENUM('staff_only', 'bad_invite', 'anonymous');--> statement-breakpoint
CREATE SEQUENCE "public"."worker_ids" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1 CYCLE;--> statement-breakpoint
CREATE TABLE "chats" (
	"id" uuid PRIMARY KEY,
	"bot_id" bigint,
	"telegram_id" bigint,
	"type" "chat_type" NOT NULL,
	"title" text,
	"role_ceiling" "staff_role" DEFAULT 'staff'::"staff_role" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "chats_telegram" UNIQUE("bot_id","telegram_id"),
	CONSTRAINT "chats_telegram_or_terminal" CHECK (("type" = 'terminal') = ("telegram_id" is null)),
	CONSTRAINT "chats_bot_with_telegram" CHECK (("bot_id" is null) = ("telegram_id" is null))
);
--> statement-breakpoint
CREATE TABLE "messages" (
	"id" uuid PRIMARY KEY,
	"thread_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"role" "message_role" NOT NULL,
	"text" text NOT NULL,
	"author_id" uuid,
	"forwarded" boolean DEFAULT false NOT NULL,
	"visible_to" "staff_role" NOT NULL,
	"run_id" uuid,
	"telegram_message_id" bigint,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"completed_at" timestamp with time zone,
	CONSTRAINT "messages_in_thread" UNIQUE("thread_id","position"),
	CONSTRAINT "messages_position_positive" CHECK ("position" >= 1)
);
--> statement-breakpoint
CREATE TABLE "replies" (
	"id" uuid PRIMARY KEY,
	"run_id" uuid NOT NULL UNIQUE,
	"chat_id" uuid NOT NULL,
	"reply_to_message_id" bigint,
	"final_text" text,
	"status" "delivery_status" DEFAULT 'pending'::"delivery_status" NOT NULL,
	"telegram_message_ids" bigint[] DEFAULT '{}'::bigint[] NOT NULL,
	"worker_id" integer,
	"error" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"delivered_at" timestamp with time zone,
	CONSTRAINT "replies_delivered_has_time" CHECK (("status" = 'delivered') = ("delivered_at" is not null)),
	CONSTRAINT "replies_failed_has_error" CHECK ("status" <> 'failed' or "error" is not null)
);
--> statement-breakpoint
CREATE TABLE "run_items" (
	"run_id" uuid,
	"round" integer,
	"position" integer,
	"item" jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "run_items_pkey" PRIMARY KEY("run_id","round","position")
);
--> statement-breakpoint
CREATE TABLE "run_text" (
	"run_id" uuid,
	"offset" integer,
	"text" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "run_text_pkey" PRIMARY KEY("run_id","offset"),
	CONSTRAINT "run_text_offset" CHECK ("offset" >= 0)
);
--> statement-breakpoint
CREATE TABLE "runs" (
	"id" uuid PRIMARY KEY,
	"thread_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"status" "run_status" DEFAULT 'queued'::"run_status" NOT NULL,
	"asker_id" uuid,
	"asker_role" "staff_role" NOT NULL,
	"language" text NOT NULL,
	"model" text,
	"attempt" integer DEFAULT 0 NOT NULL,
	"worker_id" integer,
	"lease_until" timestamp with time zone,
	"stop_requested_at" timestamp with time zone,
	"error_code" text,
	"error_message" text,
	"input_tokens" integer,
	"cached_input_tokens" integer,
	"output_tokens" integer,
	"reasoning_tokens" integer,
	"queued_at" timestamp with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp with time zone,
	"first_token_at" timestamp with time zone,
	"completed_at" timestamp with time zone,
	CONSTRAINT "runs_in_thread" UNIQUE("thread_id","position"),
	CONSTRAINT "runs_with_thread" UNIQUE("id","thread_id"),
	CONSTRAINT "runs_ended_has_time" CHECK (("status" in ('completed', 'failed', 'cancelled', 'incomplete')) = ("completed_at" is not null)),
	CONSTRAINT "runs_running_has_worker" CHECK ("status" not in ('in_progress', 'requires_action') or ("worker_id" is not null and "lease_until" is not null)),
	CONSTRAINT "runs_failed_has_code" CHECK ("status" <> 'failed' or "error_code" is not null)
);
--> statement-breakpoint
CREATE TABLE "threads" (
	"id" uuid PRIMARY KEY,
	"chat_id" uuid NOT NULL,
	"topic_id" bigint,
	"title" text,
	"status" "thread_status" DEFAULT 'open'::"thread_status" NOT NULL,
	"next_position" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_activity_at" timestamp with time zone DEFAULT now() NOT NULL,
	"closed_at" timestamp with time zone,
	CONSTRAINT "threads_closed_has_time" CHECK (("status" = 'closed') = ("closed_at" is not null)),
	CONSTRAINT "threads_position_positive" CHECK ("next_position" >= 1)
);
--> statement-breakpoint
CREATE TABLE "tool_calls" (
	"id" uuid PRIMARY KEY,
	"run_id" uuid NOT NULL,
	"thread_id" uuid NOT NULL,
	"round" integer NOT NULL,
	"position" integer NOT NULL,
	"call_id" text NOT NULL,
	"name" text NOT NULL,
	"arguments" jsonb NOT NULL,
	"output" jsonb,
	"error" text,
	"status" "tool_call_status" DEFAULT 'pending'::"tool_call_status" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp with time zone,
	"completed_at" timestamp with time zone,
	CONSTRAINT "tool_calls_of_run" UNIQUE("run_id","round","position"),
	CONSTRAINT "tool_calls_call_id" UNIQUE("run_id","round","call_id"),
	CONSTRAINT "tool_calls_ended_has_output" CHECK (("status" in ('succeeded', 'failed')) = ("output" is not null and "completed_at" is not null)),
	CONSTRAINT "tool_calls_failed_has_error" CHECK (("status" = 'failed') = ("error" is not null))
);
--> statement-breakpoint
CREATE TABLE "updates_seen" (
	"bot_id" bigint,
	"update_id" bigint,
	"seen_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "updates_seen_pkey" PRIMARY KEY("bot_id","update_id")
);
--> statement-breakpoint
CREATE TABLE "imports" (
	"id" uuid PRIMARY KEY,
	"kind" "import_kind" NOT NULL,
	"file_name" text NOT NULL,
	"file_hash" text NOT NULL,
	"imported_by" text NOT NULL,
	"row_count" integer NOT NULL,
	"changed_count" integer NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"completed_at" timestamp with time zone DEFAULT now() NOT NULL,
	"data_through" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "products" (
	"id" uuid PRIMARY KEY,
	"sku" text NOT NULL UNIQUE,
	"name" text NOT NULL,
	"category" text,
	"price" bigint,
	"cost" bigint,
	"stock" numeric(12,3) DEFAULT '0' NOT NULL,
	"reorder_level" numeric(12,3) DEFAULT '0' NOT NULL,
	"active" boolean DEFAULT true NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "products_price_not_negative" CHECK ("price" >= 0),
	CONSTRAINT "products_cost_not_negative" CHECK ("cost" >= 0),
	CONSTRAINT "products_reorder_not_negative" CHECK ("reorder_level" >= 0)
);
--> statement-breakpoint
CREATE TABLE "sale_lines" (
	"id" uuid PRIMARY KEY,
	"sale_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"product_id" uuid NOT NULL,
	"quantity" numeric(12,3) NOT NULL,
	"unit_price" bigint NOT NULL,
	"discount" bigint NOT NULL,
	"unit_cost" bigint,
	"gross_amount" bigint NOT NULL,
	"net_amount" bigint NOT NULL,
	"cost_amount" bigint,
	CONSTRAINT "sale_lines_position" UNIQUE("sale_id","position"),
	CONSTRAINT "sale_lines_quantity_not_zero" CHECK ("quantity" <> 0),
	CONSTRAINT "sale_lines_price_not_negative" CHECK ("unit_price" >= 0),
	CONSTRAINT "sale_lines_discount_bounds" CHECK ("discount" between 0 and abs("gross_amount")),
	CONSTRAINT "sale_lines_net" CHECK ("net_amount" = sign("quantity") * (abs("gross_amount") - "discount")),
	CONSTRAINT "sale_lines_cost_whole" CHECK (("unit_cost" is null) = ("cost_amount" is null))
);
--> statement-breakpoint
CREATE TABLE "sales" (
	"id" uuid PRIMARY KEY,
	"receipt" text NOT NULL UNIQUE,
	"sold_at" timestamp with time zone NOT NULL,
	"import_id" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "admin_tokens" (
	"id" uuid PRIMARY KEY,
	"name" text NOT NULL,
	"token_hash" bytea NOT NULL UNIQUE,
	"scope" "admin_scope" DEFAULT 'admin'::"admin_scope" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone,
	"last_used_at" timestamp with time zone,
	"revoked_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "invites" (
	"id" uuid PRIMARY KEY,
	"code_hash" bytea NOT NULL UNIQUE,
	"role" "staff_role" NOT NULL,
	"created_by" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"used_at" timestamp with time zone,
	"used_by" uuid,
	CONSTRAINT "invites_used_whole" CHECK (("used_at" is null) = ("used_by" is null)),
	CONSTRAINT "invites_expire_later" CHECK ("expires_at" > "created_at")
);
--> statement-breakpoint
CREATE TABLE "staff" (
	"id" uuid PRIMARY KEY,
	"telegram_user_id" bigint NOT NULL UNIQUE,
	"name" text NOT NULL,
	"username" text,
	"role" "staff_role" NOT NULL,
	"invited_by" uuid,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"removed_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "stranger_notices" (
	"bot_id" bigint,
	"telegram_user_id" bigint,
	"notice" "stranger_notice",
	"noticed_at" timestamp with time zone NOT NULL,
	CONSTRAINT "stranger_notices_pkey" PRIMARY KEY("bot_id","telegram_user_id","notice")
);
--> statement-breakpoint
CREATE UNIQUE INDEX "messages_one_answer" ON "messages" ("run_id") WHERE "role" = 'assistant';--> statement-breakpoint
CREATE INDEX "messages_of_run" ON "messages" ("run_id");--> statement-breakpoint
CREATE INDEX "messages_newest" ON "messages" ("created_at","id");--> statement-breakpoint
CREATE INDEX "messages_of_author" ON "messages" ("author_id","created_at","id");--> statement-breakpoint
CREATE INDEX "replies_waiting" ON "replies" ("chat_id","created_at") WHERE "status" in ('pending', 'partial');--> statement-breakpoint
CREATE UNIQUE INDEX "runs_one_running" ON "runs" ("thread_id") WHERE "status" in ('in_progress', 'requires_action');--> statement-breakpoint
CREATE INDEX "runs_open" ON "runs" ("queued_at","thread_id","position") WHERE "status" in ('queued', 'in_progress', 'requires_action');--> statement-breakpoint
CREATE INDEX "runs_newest" ON "runs" ("queued_at","id");--> statement-breakpoint
CREATE INDEX "runs_by_status" ON "runs" ("status","queued_at","id");--> statement-breakpoint
CREATE INDEX "threads_by_activity" ON "threads" ("last_activity_at","id");--> statement-breakpoint
CREATE INDEX "threads_by_creation" ON "threads" ("created_at","id");--> statement-breakpoint
CREATE INDEX "threads_of_chat" ON "threads" ("chat_id","last_activity_at","id");--> statement-breakpoint
CREATE INDEX "tool_calls_of_thread" ON "tool_calls" ("thread_id","created_at","id");--> statement-breakpoint
CREATE INDEX "tool_calls_newest" ON "tool_calls" ("created_at","id");--> statement-breakpoint
CREATE INDEX "tool_calls_by_name" ON "tool_calls" ("name","created_at","id");--> statement-breakpoint
CREATE INDEX "imports_by_kind" ON "imports" ("kind","completed_at");--> statement-breakpoint
CREATE INDEX "products_low_stock" ON "products" ("stock","reorder_level") WHERE "active" and "stock" <= "reorder_level";--> statement-breakpoint
CREATE INDEX "sale_lines_of_product" ON "sale_lines" ("product_id");--> statement-breakpoint
CREATE INDEX "sales_by_time" ON "sales" ("sold_at");--> statement-breakpoint
CREATE INDEX "staff_by_creation" ON "staff" ("created_at","id");--> statement-breakpoint
CREATE INDEX "staff_username" ON "staff" (lower("username"));--> statement-breakpoint
CREATE INDEX "stranger_notices_age" ON "stranger_notices" ("noticed_at");--> statement-breakpoint
ALTER TABLE "messages" ADD CONSTRAINT "messages_thread_id_threads_id_fkey" FOREIGN KEY ("thread_id") REFERENCES "threads"("id");--> statement-breakpoint
ALTER TABLE "messages" ADD CONSTRAINT "messages_author_id_staff_id_fkey" FOREIGN KEY ("author_id") REFERENCES "staff"("id");--> statement-breakpoint
ALTER TABLE "messages" ADD CONSTRAINT "messages_run" FOREIGN KEY ("run_id","thread_id") REFERENCES "runs"("id","thread_id");--> statement-breakpoint
ALTER TABLE "replies" ADD CONSTRAINT "replies_run_id_runs_id_fkey" FOREIGN KEY ("run_id") REFERENCES "runs"("id");--> statement-breakpoint
ALTER TABLE "replies" ADD CONSTRAINT "replies_chat_id_chats_id_fkey" FOREIGN KEY ("chat_id") REFERENCES "chats"("id");--> statement-breakpoint
ALTER TABLE "run_items" ADD CONSTRAINT "run_items_run_id_runs_id_fkey" FOREIGN KEY ("run_id") REFERENCES "runs"("id");--> statement-breakpoint
ALTER TABLE "run_text" ADD CONSTRAINT "run_text_run_id_runs_id_fkey" FOREIGN KEY ("run_id") REFERENCES "runs"("id");--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_thread_id_threads_id_fkey" FOREIGN KEY ("thread_id") REFERENCES "threads"("id");--> statement-breakpoint
ALTER TABLE "runs" ADD CONSTRAINT "runs_asker_id_staff_id_fkey" FOREIGN KEY ("asker_id") REFERENCES "staff"("id");--> statement-breakpoint
ALTER TABLE "threads" ADD CONSTRAINT "threads_chat_id_chats_id_fkey" FOREIGN KEY ("chat_id") REFERENCES "chats"("id");--> statement-breakpoint
ALTER TABLE "tool_calls" ADD CONSTRAINT "tool_calls_run" FOREIGN KEY ("run_id","thread_id") REFERENCES "runs"("id","thread_id");--> statement-breakpoint
ALTER TABLE "sale_lines" ADD CONSTRAINT "sale_lines_sale_id_sales_id_fkey" FOREIGN KEY ("sale_id") REFERENCES "sales"("id") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "sale_lines" ADD CONSTRAINT "sale_lines_product_id_products_id_fkey" FOREIGN KEY ("product_id") REFERENCES "products"("id");--> statement-breakpoint
ALTER TABLE "sales" ADD CONSTRAINT "sales_import_id_imports_id_fkey" FOREIGN KEY ("import_id") REFERENCES "imports"("id");--> statement-breakpoint
ALTER TABLE "invites" ADD CONSTRAINT "invites_created_by_staff_id_fkey" FOREIGN KEY ("created_by") REFERENCES "staff"("id");--> statement-breakpoint
ALTER TABLE "invites" ADD CONSTRAINT "invites_used_by_staff_id_fkey" FOREIGN KEY ("used_by") REFERENCES "staff"("id");--> statement-breakpoint
ALTER TABLE "staff" ADD CONSTRAINT "staff_invited_by_staff_id_fkey" FOREIGN KEY ("invited_by") REFERENCES "staff"("id");