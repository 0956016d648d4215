/**
 * People and their rights: staff members, invites, admin tokens, and recent notices to strangers.
 *
 * Of a secret only the SHA-256 is stored.
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

/** From the fewest rights to the most. PostgreSQL compares values of an enum in this order. */
export const staffRole = pgEnum("staff_role", ["staff", "manager", "owner"]);
export const strangerNotice = pgEnum("stranger_notice", ["staff_only", "bad_invite", "anonymous", "too_many", "album"]);
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
    /** Set when an owner removes the person. The row stays, because messages refer to it. */
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
    /** Null for the first owner's invite, which the process creates. An invite by a person of the sandbox is valid only there. */
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
    /** The first characters of the token, to recognize it; they give no access. Null for tokens older than this column. */
    prefix: text(),
    tokenHash: hash().notNull().unique(),
    scope: adminScope().notNull().default("admin"),
    /** Whether it was created in the sandbox: it is valid only for the sandbox's API, and other tokens only for the real bot's. */
    sandbox: boolean().notNull().default(false),
    /** The name of the token that created it; null if the command `token` did. */
    createdBy: text(),
    createdAt: instant().notNull().defaultNow(),
    expiresAt: instant(),
    lastUsedAt: instant(),
    revokedAt: instant(),
  },
  (t) => [index("admin_tokens_by_creation").on(t.createdAt, t.id)],
);

/**
 * The last notice of each kind to a person, for all processes and across restarts. Strangers get one per hour, staff members
 * who send too many messages one per minute.
 */
export const strangerNotices = snakeCase.table(
  "stranger_notices",
  {
    botId: telegramId().notNull(),
    telegramUserId: telegramId().notNull(),
    /** The kind of notice; each kind has its own interval. */
    notice: strangerNotice().notNull(),
    noticedAt: instant().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.botId, t.telegramUserId, t.notice] }),
    index("stranger_notices_age").on(t.noticedAt),
  ],
);
