CREATE TYPE "input_cut" AS ENUM('none', 'older_runs', 'question_only', 'by_server');--> statement-breakpoint
ALTER TABLE "runs" ADD COLUMN "input_cut" "input_cut" DEFAULT 'none'::"input_cut" NOT NULL;