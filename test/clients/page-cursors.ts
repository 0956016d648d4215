/**
 * Page numbers for an API that pages by cursor: finds the cursor that a page begins after.
 *
 * Where a page ended is remembered. So the next page costs one request, and it goes on exactly there, with no row twice and
 * none left out, also when new ones have come in on top meanwhile. A jump walks there, a hundred rows a request.
 */

/** The most rows that the API gives at once. */
const MAX_ROWS = 100;

/** Asks for `first` rows after a cursor and gives the last one's; null where there are none. */
export type ReadEndCursor = (first: number, after: string | null) => Promise<string | null>;

export interface PageCursors {
  /** The cursor after `skip` rows of a list; null for its beginning. `list` names its filter and order. */
  find(list: string, skip: number, readEndCursor: ReadEndCursor): Promise<string | null>;
  /** A page came that ends after `skip` rows. */
  note(list: string, skip: number, endCursor: string | null): void;
}

export function createPageCursors(): PageCursors {
  const known = new Map<string, string>();
  return {
    async find(list, skip, readEndCursor) {
      let after = known.get(`${skip} ${list}`) ?? null;
      if (after !== null) return after;
      for (let left = skip; left > 0; left -= MAX_ROWS) {
        const end = await readEndCursor(Math.min(left, MAX_ROWS), after);
        // Beyond the end of the list: what comes after its last row is an empty page.
        if (end === null) return after;
        after = end;
      }
      return after;
    },
    note(list, skip, endCursor) {
      if (endCursor !== null) known.set(`${skip} ${list}`, endCursor);
    },
  };
}
