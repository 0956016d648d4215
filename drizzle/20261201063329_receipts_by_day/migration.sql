CREATE TYPE "receipt_numbers" AS ENUM('unique', 'daily');--> statement-breakpoint
ALTER TABLE "sales" DROP CONSTRAINT "sales_receipt_key";--> statement-breakpoint
ALTER TABLE "imports" ADD COLUMN "receipt_numbers" "receipt_numbers";--> statement-breakpoint
ALTER TABLE "sales" ADD COLUMN "receipt_date" date;--> statement-breakpoint
ALTER TABLE "sales" ADD CONSTRAINT "sales_receipt" UNIQUE("receipt","receipt_date");