import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** How much later than asked Linux may wake the thread, in ns, to save power; 50,000 unless told. */
const TIMER_SLACK_NS = 1000;

/**
 * Puts this process before others and has it woken on time, where the machine allows it: a generator that waits for a
 * processor behind the system under test sends late, and its lateness is not the system's.
 */
export function takePriority(): void {
  attempt(() => setPriority(-10));
  attempt(() => writeFileSync('/proc/self/timerslack_ns', String(TIMER_SLACK_NS)));
}

/** Only root may do the one, only Linux has the other; the lag is measured either way. */
function attempt(ask: () => void): void {
  try {
    ask();
  } catch {
    // As above.
  }
}
