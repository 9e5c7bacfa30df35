// @ts-check
// What every `npm start` and `npm test` runs first, on whatever Node the machine has: plain JavaScript without
// dependencies, Node 18 or newer. It is silent when nothing is missing.
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { preparePackages } from './packages.mjs';
import { ProgramVariableError } from './programs.mjs';
import { SetupError } from './setup-output.mjs';
import { ALERTMANAGER, CHROMIUM, NATS_SERVER, POSTGRES, PROMETHEUS, prepareComponents } from './system-packages.mjs';

/** What each purpose needs beyond npm packages. With `NATS_URL` the bus is somebody else's. */
const NEEDS = {
  start: () => (process.env.NATS_URL ? [] : [NATS_SERVER]),
  test: () => [NATS_SERVER, CHROMIUM, POSTGRES, PROMETHEUS, ALERTMANAGER],
  tools: () => [],
};

/** @param {string | undefined} purpose @returns {purpose is keyof typeof NEEDS} */
function isPurpose(purpose) {
  return purpose !== undefined && Object.keys(NEEDS).includes(purpose);
}

function main() {
  const purpose = process.argv[2];
  if (!isPurpose(purpose)) throw new SetupError(`usage: node deploy/local/setup.mjs ${Object.keys(NEEDS).join('|')}`);
  preparePackages(resolve(dirname(fileURLToPath(import.meta.url)), '..', '..'));
  prepareComponents(NEEDS[purpose](), purpose);
}

try {
  main();
} catch (error) {
  if (!(error instanceof SetupError || error instanceof ProgramVariableError)) throw error;
  process.stderr.write(`setup: ${error.message}\n`);
  process.exitCode = 1;
}
