// @ts-check

/** Stops the set-up: the message is all that the person at the terminal needs. */
export class SetupError extends Error {
  code = 'SETUP_FAILED';

  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = 'SetupError';
  }

  shouldRetry() {
    return false;
  }
}

/** One line of progress on standard error: standard output belongs to the command that follows. @param {string} line */
export function say(line) {
  process.stderr.write(`setup: ${line}\n`);
}

/** The first lines of a program's output. @param {string} text @param {number} count */
export function head(text, count) {
  return lines(text).slice(0, count).join('\n');
}

/** The last lines of a program's output. @param {string} text @param {number} count */
export function tail(text, count) {
  return lines(text).slice(-count).join('\n');
}

/** @param {string} text */
function lines(text) {
  return text.split('\n').filter((line) => line.trim() !== '');
}
