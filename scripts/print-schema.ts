/** Writes `schema.graphql`. Run it after a change of the admin API and commit the file. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { printSortedSchema } from "../src/graphql/schema.ts";

writeFileSync(join(import.meta.dirname, "..", "schema.graphql"), printSortedSchema());
