/** Measures the search of messages: frequent, rare and missing words, one and several, with and without accents. */

import { rounded, type Summary, summarise } from "../report.ts";
import { type Client, toBody } from "./load.ts";
import { createRandom, pick } from "./random.ts";
import { hundredths } from "./rounds.ts";
import { type Language, vocabularyOf } from "./seed/vocabulary.ts";

export interface Search {
  /** One search at a time. */
  readonly alone: Figures;
  /** Eight searches at a time. */
  readonly together: Figures;
  /** By kind of search, one at a time. */
  readonly kinds: Readonly<Record<string, Figures>>;
}

interface Figures {
  readonly requestsPerSecond: number;
  readonly failed: number;
  readonly latencyMs: Summary;
}

const QUERY = `query Search($text: String!) {
  messages(first: 20, filter: { text: $text }) {
    nodes { id role text createdAt thread { id title } } pageInfo { hasNextPage endCursor }
  }
}`;

const SEED = 71;
const SEARCHES_PER_KIND = 25;

/** Ranks in the vocabulary: the word of rank n is n times rarer than the first. */
const FREQUENT = [0, 60] as const;
const MIDDLE = [150, 1_000] as const;
const RARE = [3_000, 9_900] as const;

export async function measureSearch(client: Client, seconds: number): Promise<Search> {
  const kinds = Object.entries(drawSearches()).map(
    ([kind, texts]) => [kind, texts.map((text) => toBody(QUERY, { text }))] as const,
  );
  const measure = async (bodies: readonly Buffer[], connections: number, forSeconds: number): Promise<Figures> => {
    const measured = await client.load(bodies, { connections, seconds: forSeconds });
    return {
      requestsPerSecond: hundredths(measured.requests / measured.seconds),
      failed: measured.failed,
      latencyMs: summarise(measured.latenciesMs.map(rounded)),
    };
  };
  const all = kinds.flatMap(([, bodies]) => bodies);
  await measure(all, 1, seconds);
  const byKind: [string, Figures][] = [];
  for (const [kind, bodies] of kinds) byKind.push([kind, await measure(bodies, 1, seconds)]);
  return {
    kinds: Object.fromEntries(byKind),
    alone: await measure(shuffled(all), 1, 3 * seconds),
    together: await measure(shuffled(all), 8, 3 * seconds),
  };
}

function drawSearches(): Record<string, string[]> {
  const random = createRandom(SEED);
  const words: Record<Language, string[]> = { en: vocabularyOf("en"), vi: vocabularyOf("vi") };
  const word = ([from, until]: readonly [number, number], language = random() < 0.3 ? "en" : "vi") =>
    pick(random, words[language as Language].slice(from, until));
  const kind = (draw: () => string) => Array.from({ length: SEARCHES_PER_KIND }, draw);
  return {
    "a frequent word": kind(() => word(FREQUENT)),
    "a word without its accents": kind(() => withoutAccents(word(MIDDLE, "vi"))),
    "a word of medium frequency": kind(() => word(MIDDLE)),
    "a rare word": kind(() => word(RARE)),
    "the beginning of a word": kind(() => word(RARE).slice(0, 4)),
    "two frequent words": kind(() => `${word(FREQUENT, "vi")} ${word(FREQUENT, "vi")}`),
    "a frequent and a rare word": kind(() => `${word(FREQUENT, "vi")} ${word(RARE, "vi")}`),
    "a phrase of two words": kind(() => `"${word(FREQUENT, "vi")} ${word(FREQUENT, "vi")}"`),
    "a missing word": kind(() => `qx${word(RARE, "en")}`),
  };
}

function withoutAccents(text: string): string {
  return text
    .normalize("NFD")
    .replace(/[\u0300-\u036f]/g, "")
    .replaceAll("đ", "d");
}

/** Shuffled with a fixed seed. */
function shuffled<Value>(values: readonly Value[]): Value[] {
  const random = createRandom(SEED);
  return values
    .map((value) => ({ value, at: random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ value }) => value);
}
