/** Seeded random numbers: mulberry32, seeded with an FNV-1a hash. Not for secrets. */
export interface Random {
  /** A number from 0 up to, but not including, 1. */
  next(): number;
  /** True with this probability. */
  happens(probability: number): boolean;
  /** A random index by cumulative weights: `[1, 4]` gives 1 three times as often as 0. */
  pick(cumulativeWeights: readonly number[]): number;
}

export function createRandom(seed: string): Random {
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
    pick(cumulativeWeights) {
      const target = next() * (cumulativeWeights.at(-1) ?? 0);
      return cumulativeWeights.findIndex((sum) => target < sum);
    },
  };
}

/** The running totals of the weights, as `pick` takes them. */
export function cumulate(weights: readonly number[]): number[] {
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
