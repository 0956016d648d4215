/**
 * A cache of documents: each is parsed and validated once, and found by its text afterwards.
 *
 * Yoga's own cache limits the number of documents, not their size, and also stores invalid ones: a thousand requests filled
 * gigabytes. This one stores valid documents only and limits the total length of their texts.
 */
import type { DocumentNode } from "graphql";
import type { Plugin } from "graphql-yoga";

/** Of all texts together, in UTF-16 units: a hundred dashboards. A parsed document may take 300 times its text, so 60 MB in all. */
export const MAX_CACHED_LENGTH = 200_000;

/** Serves one schema. Replaces Yoga's `parserAndValidationCache`. */
export function cacheDocuments(): Plugin {
  const cache = createLruCache(MAX_CACHED_LENGTH);
  /** The texts of documents that are valid or not validated yet. */
  const texts = new WeakMap<DocumentNode, string>();
  return {
    onParse({ params: { source }, setParsedDocument }) {
      const text = typeof source === "string" ? source : source.body;
      const document = cache.get(text);
      if (document) return setParsedDocument(document);
      return ({ result }) => {
        if (result && !(result instanceof Error)) texts.set(result, text);
      };
    },
    onValidate({ params: { documentAST }, setResult }) {
      const text = texts.get(documentAST);
      if (text === undefined) return undefined;
      if (cache.get(text) === documentAST) return setResult([]);
      return ({ valid }) => {
        if (valid) cache.add(text, documentAST);
      };
    },
  };
}

/** Evicts the least recently used documents. */
function createLruCache(maxLength: number) {
  // A Map iterates in insertion order, so the least recently used document comes first.
  const documents = new Map<string, DocumentNode>();
  let length = 0;
  const evict = (text: string) => {
    if (documents.delete(text)) length -= text.length;
  };
  const add = (text: string, document: DocumentNode) => {
    evict(text);
    documents.set(text, document);
    length += text.length;
    for (const oldest of documents.keys()) {
      if (length <= maxLength) return;
      evict(oldest);
    }
  };
  const get = (text: string): DocumentNode | undefined => {
    const document = documents.get(text);
    if (document) add(text, document);
    return document;
  };
  return { add, get };
}
