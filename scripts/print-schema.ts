/** Writes `schema.graphql`: run it after a change of the admins' API, and commit what it writes. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { printSortedSchema } from "../src/graphql/schema.ts";

writeFileSync(join(import.meta.dirname, "..", "schema.graphql"), printSortedSchema());
