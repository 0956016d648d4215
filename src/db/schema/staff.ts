/**
 * People and their rights: staff members, invites, admin tokens, and who was told something lately.
 *
 * Of a secret only its SHA-256 is stored.
 */
import { sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  boolean,
  check,
  index,
  pgEnum,
  primaryKey,
  snakeCase,
  text,
  uuid,
} from "drizzle-orm/pg-core";
import { hash, id, instant, isOfSandbox, telegramId } from "./columns.ts";

/** In rising order: the order in the database is the order of rights. */
export const staffRole = pgEnum("staff_role", ["staff", "manager", "owner"]);
export const strangerNotice = pgEnum("stranger_notice", ["staff_only", "bad_invite", "anonymous", "too_many"]);
export const adminScope = pgEnum("admin_scope", ["viewer", "admin"]);

export const staff = snakeCase.table(
  "staff",
  {
    id: id(),
    telegramUserId: telegramId().notNull().unique(),
    sandbox: isOfSandbox("telegram_user_id"),
    name: text().notNull(),
    username: text(),
    role: staffRole().notNull(),
    invitedBy: uuid().references((): AnyPgColumn => staff.id),
    createdAt: instant().notNull().defaultNow(),
    /** Set when an owner removes the person; the row stays, since messages refer to it. */
    removedAt: instant(),
  },
  (t) => [index("staff_by_creation").on(t.createdAt, t.id), index("staff_username").on(sql`lower(${t.username})`)],
);

export const invites = snakeCase.table(
  "invites",
  {
    id: id(),
    codeHash: hash().notNull().unique(),
    role: staffRole().notNull(),
    /** Null for the first owner's invite, which the process itself makes. One by somebody of the sandbox is good only there. */
    createdBy: uuid().references(() => staff.id),
    createdAt: instant().notNull().defaultNow(),
    expiresAt: instant().notNull(),
    usedAt: instant(),
    usedBy: uuid().references(() => staff.id),
  },
  (t) => [
    index("invites_by_creation").on(t.createdAt, t.id),
    check("invites_used_whole", sql`(${t.usedAt} is null) = (${t.usedBy} is null)`),
    check("invites_expire_later", sql`${t.expiresAt} > ${t.createdAt}`),
  ],
);

export const adminTokens = snakeCase.table(
  "admin_tokens",
  {
    id: id(),
    name: text().notNull(),
    /** The first letters of the token, to recognise it by; they open nothing. Null for one made before there were any. */
    prefix: text(),
    tokenHash: hash().notNull().unique(),
    scope: adminScope().notNull().default("admin"),
    /** Whether it was made in the sandbox: then it opens the API of a sandbox only, and one of a real bot none of it. */
    sandbox: boolean().notNull().default(false),
    /** The name of the token that made it; null for one that the command `token` made. */
    createdBy: text(),
    createdAt: instant().notNull().defaultNow(),
    expiresAt: instant(),
    lastUsedAt: instant(),
    revokedAt: instant(),
  },
  (t) => [index("admin_tokens_by_creation").on(t.createdAt, t.id)],
);

/**
 * Who was told what lately, across restarts and processes: strangers a sentence once an hour, and staff who ask too much so
 * once a minute.
 */
export const strangerNotices = snakeCase.table(
  "stranger_notices",
  {
    botId: telegramId().notNull(),
    telegramUserId: telegramId().notNull(),
    /** What they were told: each sentence has a time of its own. */
    notice: strangerNotice().notNull(),
    noticedAt: instant().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.botId, t.telegramUserId, t.notice] }),
    index("stranger_notices_age").on(t.noticedAt),
  ],
);
