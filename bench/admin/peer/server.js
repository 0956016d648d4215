/**
 * PostGraphile 5.1 as the peer of the admin benchmark: its standard preset on Node's HTTP server, configured for production.
 *
 * No GraphiQL, no watch mode, a pool of 8, prepared statements (its default), no explain. Conditions for half-open time ranges
 * are added as its documentation shows. Needs SOCKET_DIR, DATABASE_USER and DATABASE. Sends its port over IPC, and on request
 * its CPU time and statement count. Exits when the benchmark does.
 */
import { createServer } from "node:http";
import pg from "pg";
import { postgraphile } from "postgraphile";
import { TYPES } from "postgraphile/@dataplan/pg";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { addPgTableCondition } from "postgraphile/utils";

const POOL_SIZE = 8;

let statements = 0;
const { query } = pg.Client.prototype;
pg.Client.prototype.query = function (...args) {
  statements += 1;
  return query.apply(this, args);
};

const pool = new pg.Pool({
  host: given("SOCKET_DIR"),
  user: given("DATABASE_USER"),
  database: given("DATABASE"),
  max: POOL_SIZE,
  idleTimeoutMillis: 0,
});

/** @type {GraphileConfig.Preset} */
const preset = {
  extends: [PostGraphileAmberPreset],
  // It would hide conditions, orders and relations without an index. Our API has some of them.
  disablePlugins: ["PgIndexBehaviorsPlugin"],
  plugins: [
    names(),
    ...rangeConditions("threads", "last_activity_at", "lastActivity"),
    ...rangeConditions("tool_calls", "created_at", "created"),
    ...rangeConditions("messages", "created_at", "created"),
  ],
  pgServices: [makePgService({ pool, schemas: ["public"] })],
  grafserv: { watch: false, graphiql: false, websockets: false, maxRequestLength: 1_000_000 },
  grafast: { explain: false },
};

const server = createServer();
await postgraphile(preset).createServ(grafserv).addTo(server);
server.listen(0, "127.0.0.1", () => process.send?.({ port: server.address().port }));
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMs: (user + system) / 1_000, statements });
});
process.once("disconnect", () => process.exit(0));

/**
 * Adds `<name>From` (inclusive) and `<name>Until` (exclusive).
 *
 * @param {string} tableName
 * @param {string} column
 * @param {string} name
 */
function rangeConditions(tableName, column, name) {
  const match = { schemaName: "public", tableName };
  const field = (build) => ({ type: build.getInputTypeByName("Datetime") });
  return [
    addPgTableCondition(match, `${name}From`, field, (value, { sql, sqlTableAlias, sqlValueWithCodec, build }) => {
      const at = sqlValueWithCodec(value, build.dataplanPg.TYPES.timestamptz);
      return sql`${sqlTableAlias}.${sql.identifier(column)} >= ${at}`;
    }),
    addPgTableCondition(match, `${name}Until`, field, (value, { sql, sqlTableAlias, sqlValueWithCodec, build }) => {
      const at = sqlValueWithCodec(value, build.dataplanPg.TYPES.timestamptz);
      return sql`${sqlTableAlias}.${sql.identifier(column)} < ${at}`;
    }),
  ];
}

/** Resolves name conflicts in our schema (two enums have the names of tables), and adds the type `xid8`. */
function names() {
  return {
    name: "BenchNamesPlugin",
    version: "1.0.0",
    inflection: {
      replace: {
        enumType: (previous, _options, codec) => `${previous(codec)}Enum`,
        // A table that references itself would have two relations with the same name.
        singleRelation(previous, _options, details) {
          const { remoteResource, isReferencee } =
            details.registry.pgRelations[details.codec.name][details.relationName];
          const isItself = remoteResource.codec === details.codec && !isReferencee;
          return isItself ? `${previous(details)}Forwards` : previous(details);
        },
      },
    },
    gather: {
      hooks: {
        pgCodecs_findPgCodec(_info, event) {
          if (event.pgType.typname === "xid8") event.pgCodec ??= TYPES.bigint;
        },
      },
    },
  };
}

/** @param {string} name */
function given(name) {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is missing: only the benchmark starts this file`);
  return value;
}
