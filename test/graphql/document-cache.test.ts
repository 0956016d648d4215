import { buildSchema } from "graphql";
import { createYoga, type Plugin } from "graphql-yoga";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cacheDocuments, MAX_CACHED_LENGTH } from "../../src/graphql/document-cache.ts";
import { type AdminClient, startAdminApi } from "./admin-client.ts";

let admins: AdminClient;
beforeAll(async () => {
  admins = await startAdminApi();
});
afterAll(() => admins.close());

test("a repeated document is neither parsed nor validated again", async () => {
  const { ask, counts } = countingApi();

  for (const query of ["{ name }", "{ name }", "{ again: name }", "{ name }"]) await ask(query);

  expect(counts).toEqual({ parsed: 2, validated: 2 });
});

test("the API caches a document that it has answered, but not one that it has refused", async () => {
  const [valid, invalid] = ["{ viewer { name } }", "{ viewer { nam } }"];
  await admins.ask(valid);
  await admins.ask(invalid);

  expect(parse(valid)).toBe(parse(valid));
  expect(parse(invalid)).not.toBe(parse(invalid));
});

test("an invalid document is refused each time with the same message", async () => {
  for (const query of ["{ viewer { nam } }", "{ viewer {", `{ viewer { name } } #${"x".repeat(50_000)}`]) {
    const first = await admins.ask(query);
    const second = await admins.ask(query);

    expect(first.body.errors).toHaveLength(1);
    expect([second.status, second.body]).toEqual([first.status, first.body]);
  }
});

test("the least recently used documents are evicted when the total length is too large", async () => {
  const { ask, counts } = countingApi();
  const long = (index: number) => `{ name } #${index}${"x".repeat(40_000)}`;
  const others = Array.from({ length: Math.ceil(MAX_CACHED_LENGTH / 40_000) }, (_, index) => long(index));

  await ask("{ seldom: name }");
  await ask("{ often: name }");
  for (const query of others) {
    await ask(query);
    await ask("{ often: name }");
  }
  const before = counts.parsed;
  await ask("{ often: name }");
  const often = counts.parsed - before;
  await ask("{ seldom: name }");
  const seldom = counts.parsed - before - often;

  expect({ often, seldom }).toEqual({ often: 0, seldom: 1 });
});

function parse(query: string): unknown {
  return admins.api.getEnveloped({}).parse(query);
}

function countingApi() {
  const counts = { parsed: 0, validated: 0 };
  const counting: Plugin = {
    onParse({ parseFn, setParseFn }) {
      setParseFn((...args) => {
        counts.parsed += 1;
        return parseFn(...args);
      });
    },
    onValidate({ validateFn, setValidationFn }) {
      setValidationFn((...args) => {
        counts.validated += 1;
        return validateFn(...args);
      });
    },
  };
  const yoga = createYoga({
    schema: buildSchema("type Query { name: String }"),
    parserAndValidationCache: false,
    logging: false,
    plugins: [cacheDocuments(), counting],
  });
  const ask = async (query: string) => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ query });
    const response = await yoga.fetch("http://localhost/graphql", { method: "POST", headers, body });
    expect(await response.json()).toHaveProperty("data");
  };
  return { ask, counts };
}
