/**
 * fast-check with one seed for the whole suite, so that a test fails always or never. `PROPERTY_SEED=7 npm test` draws other
 * cases. A failure prints its seed.
 */
import fc from "fast-check";

fc.configureGlobal({ seed: Number(process.env.PROPERTY_SEED ?? 1) });

export { fc };
