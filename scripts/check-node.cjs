"use strict";
/**
 * Runs before every command: explains in one sentence that the project's own Node is missing, instead of a syntax error.
 *
 * The project installs its Node as the npm package `node`, whose install script puts the binary into `node_modules/.bin`.
 * Without that script (`--ignore-scripts`, or an npm that blocks scripts) an older Node may run. This file is CommonJS
 * with old syntax, because it must run on that older Node.
 */
var NEEDED_MAJOR = 26;
var major = Number(process.versions.node.split(".")[0]);
if (major < NEEDED_MAJOR) {
  console.error(
    "Counterhand needs Node " +
      NEEDED_MAJOR +
      " and found " +
      process.versions.node +
      ". It installs its own Node: run 'npm ci' without --ignore-scripts " +
      "(or 'npm rebuild node' to run only that install script), and start it through npm, as in 'npm start'.",
  );
  process.exit(1);
}
