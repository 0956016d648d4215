/** Chance that comes out the same for the same seed: mulberry32, seeded with an FNV-1a hash. Not for secrets. */
export interface Chance {
  /** From 0 up to, not including, 1. */
  next(): number;
  /** Whether something of this probability happens. */
  happens(probability: number): boolean;
  /** An index, by weights that are summed up: `[1, 4]` gives 1 three times as often as 0. */
  pick(summedWeights: readonly number[]): number;
}

export function createChance(seed: string): Chance {
  let state = hash(seed);
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    happens: (probability) => next() < probability,
    pick(summedWeights) {
      const target = next() * (summedWeights.at(-1) ?? 0);
      return summedWeights.findIndex((sum) => target < sum);
    },
  };
}

/** Each weight with all before it. */
export function sumUp(weights: readonly number[]): number[] {
  let sum = 0;
  return weights.map((weight) => {
    sum += weight;
    return sum;
  });
}

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
