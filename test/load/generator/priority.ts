import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** How much later than asked Linux may wake the thread, in ns, to save power; 50,000 unless told. */
const TIMER_SLACK_NS = 1000;

/**
 * Puts this process before others, where the machine allows it: a generator that waits for a processor behind the system
 * under test is late, and its lateness is not the system's.
 */
export function takePriority(): void {
  attempt(() => setPriority(-10));
}

/**
 * The same for a process that acts by the clock and sleeps in between: woken on time, and before everything else. On a
 * busy machine the 99th percentile of its lateness is a sixth of what `takePriority` leaves.
 */
export function takeRealTimePriority(): void {
  takePriority();
  attempt(() => writeFileSync('/proc/self/timerslack_ns', String(TIMER_SLACK_NS)));
  spawnSync('chrt', ['--fifo', '--pid', '1', String(process.pid)], { stdio: 'ignore' });
}

/** Only root may do the one, only Linux has the other; the lag is measured either way. */
function attempt(ask: () => void): void {
  try {
    ask();
  } catch {
    // As above.
  }
}
