/**
 * Page numbers for an API with cursor pagination: finds the cursor before a page.
 *
 * It remembers the end cursor of each page. So the next page costs one request and continues exactly there, without duplicates or
 * gaps, even if rows were added at the top. A jump reads its way there, a hundred rows per request.
 */

/** Largest page of the API. */
const MAX_ROWS = 100;

/** Requests `first` rows after a cursor and returns the end cursor; null if there are no rows. */
export type ReadEndCursor = (first: number, after: string | null) => Promise<string | null>;

export interface PageCursors {
  /** The cursor after `skip` rows of a list; null for its start. `list` identifies the list with its filter and order. */
  find(list: string, skip: number, readEndCursor: ReadEndCursor): Promise<string | null>;
  /** Remembers the end cursor of a page that ends after `skip` rows. */
  remember(list: string, skip: number, endCursor: string | null): void;
}

export function createPageCursors(): PageCursors {
  const known = new Map<string, string>();
  return {
    async find(list, skip, readEndCursor) {
      let after = known.get(`${skip} ${list}`) ?? null;
      if (after !== null) return after;
      for (let left = skip; left > 0; left -= MAX_ROWS) {
        const end = await readEndCursor(Math.min(left, MAX_ROWS), after);
        // Past the end of the list: the page after its last row is empty.
        if (end === null) return after;
        after = end;
      }
      return after;
    },
    remember(list, skip, endCursor) {
      if (endCursor !== null) known.set(`${skip} ${list}`, endCursor);
    },
  };
}
