/**
 * How the driver reads arrays.
 *
 * It can ask the server for all array types on each new connection, but when the server dies just then, nobody catches that
 * query's failure and the process ends. So it is told here what we use. Drizzle writes arrays as text by itself.
 */
import { makePgArray, parsePgArray } from "drizzle-orm/pg-core";

const asText = (element: string) => element;

/** For the driver's `types`: arrays of one dimension, without NULL; numbers too large for JavaScript stay text. */
export const ARRAY_TYPES = {
  // The numbers are those of the system catalogue pg_type; they never change.
  smallintArray: arrayType(1005, Number),
  integerArray: arrayType(1007, Number),
  textArray: arrayType(1009, asText),
  varcharArray: arrayType(1015, asText),
  bigintArray: arrayType(1016, asText),
  numericArray: arrayType(1231, asText),
  uuidArray: arrayType(2951, asText),
};

function arrayType(id: number, parseElement: (element: string) => string | number) {
  return {
    to: id,
    from: [id],
    serialize: (value: string | (string | number)[]) => (Array.isArray(value) ? makePgArray(value) : value),
    parse: (text: string) => parsePgArray(text).map(parseElement),
  };
}
