const METHODS = ['log', 'info', 'warn', 'error', 'debug', 'trace', 'dir', 'dirxml', 'table'] as const;

let dropped = 0;

/** How many calls the guard has swallowed. */
export function droppedConsoleCalls(): number {
  return dropped;
}

/**
 * Takes the console away from this process, for good. libsignal 6.0 prints whole sessions, private keys included,
 * through `console.info` and `console.warn` (`session_record.js`), and nothing in this service writes to the console:
 * logs are pino's. The methods cannot be put back, so no library loaded later undoes it.
 */
export function guardConsole(target: Console = console): void {
  for (const method of METHODS) {
    Object.defineProperty(target, method, { value: drop, writable: false, configurable: false });
  }
}

function drop(): void {
  dropped += 1;
}
