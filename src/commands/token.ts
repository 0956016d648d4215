/**
 * `npm run token`: makes an admin token and prints it. It cannot be shown again.
 *
 *     npm run token -- --name dashboard --scope viewer --days 90
 */
import { parseArgs } from "node:util";
import { z } from "zod";
import { openSandboxDatabase } from "../../sandbox/access.ts";
import { type Config, loadConfig } from "../config.ts";
import { openDatabase } from "../db/open.ts";
import { createAdminToken } from "../db/queries/admin/tokens.ts";
import { BadInputError } from "../errors.ts";
import { hashToken } from "../graphql/guards/auth.ts";
import { createLogger } from "../observability/logger.ts";
import { allowSlowConnections } from "../process/connecting.ts";
import { findNameFault, MAX_NAME_LENGTH, makeToken } from "../tokens/make-token.ts";
import { describeFailure } from "./describe-failure.ts";
import { withDatabase } from "./with-database.ts";

const USAGE = "Usage: npm run token [-- --name NAME --scope admin|viewer --days N]; the scope is admin when left out";

const Arguments = z.object({
  name: z
    .string()
    .trim()
    .refine((name) => findNameFault(name) === null, `1 to ${MAX_NAME_LENGTH} printable characters`)
    .default("token"),
  /**
   * Not the lower scope, as in the mutation: with this command somebody who lost the last admin token gets in again, and who
   * may run it may also write to the database. So the output says what was made, and how to make less.
   */
  scope: z.enum(["viewer", "admin"]).default("admin"),
  /** How long the token is valid; it never expires when left out. */
  days: z.coerce.number().int().min(1).max(3650).optional(),
});
type Arguments = z.infer<typeof Arguments>;

const SCOPE_WORDS = { admin: "admin (all rights; --scope viewer only reads)", viewer: "viewer (only reads)" };

try {
  const wanted = readArguments(process.argv.slice(2));
  allowSlowConnections();
  const config = loadConfig();
  // As for the bot: without a Telegram token it is the sandbox.
  const sandbox = config.telegram.token === null;
  const token = await storeToken(config, { ...wanted, sandbox });
  const { name, scope, days } = wanted;
  const duration = days === undefined ? "no expiry" : `for ${days} ${days === 1 ? "day" : "days"}`;
  const reach = sandbox ? " It opens the sandbox only: set TELEGRAM_BOT_TOKEN for one that opens the real bot's." : "";
  // On standard error: standard output is only the token.
  process.stderr.write(`Token "${name}", scope ${SCOPE_WORDS[scope]}, ${duration}.${reach} It is shown only now:\n`);
  process.stdout.write(`${token}\n`);
} catch (error) {
  process.stderr.write(`${describeFailure(error, "No token was made")}\n`);
  process.exitCode = 1;
}

async function storeToken(
  config: Config,
  { name, scope, days, sandbox }: Arguments & { sandbox: boolean },
): Promise<string> {
  const logger = createLogger({ level: "warn", pretty: process.stderr.isTTY });
  const open = sandbox ? openSandboxDatabase : openDatabase;
  return withDatabase(
    (signal) => open(config, logger, { signal }),
    async ({ database }) => {
      const { token, prefix } = makeToken();
      const expiresAt = days === undefined ? null : { days };
      await createAdminToken(database.db, { name, scope, prefix, sandbox, tokenHash: hashToken(token), expiresAt });
      return token;
    },
  );
}

function readArguments(args: string[]): Arguments {
  const parsed = Arguments.safeParse(parse(args));
  if (parsed.success) return parsed.data;
  throw new BadInputError(
    `${parsed.error.issues.map((issue) => `--${issue.path.join()}: ${issue.message}`).join("\n")}\n${USAGE}`,
  );
}

function parse(args: string[]) {
  try {
    const options = { name: { type: "string" }, scope: { type: "string" }, days: { type: "string" } } as const;
    return parseArgs({ args, options }).values;
  } catch (error) {
    // For an unknown option parseArgs throws a TypeError with a readable message.
    if (error instanceof TypeError) throw new BadInputError(`${error.message}\n${USAGE}`);
    throw error;
  }
}
