import type { LiveReplica } from './store/lease-store.ts';

/** The part of its share that a replica may hold beyond it before it lets go of something. */
const TOLERANCE = 0.1;
/** How much of what it holds a replica lets go of in one round, when it holds too much. */
const RELEASED_PER_ROUND = 0.05;

/**
 * How many of `total` sessions the replica `id` may hold: its fair share and 10 %, never more than its `maxSessions`.
 * What a full replica cannot take is shared by the others.
 */
export function capacityOf(id: string, replicas: readonly LiveReplica[], total: number): number {
  const me = replicas.find((replica) => replica.id === id);
  if (!me) return 0;
  let left = total;
  let sharing = [...replicas];
  for (;;) {
    const share = left / sharing.length;
    const full = sharing.filter(({ maxSessions }) => maxSessions < share);
    if (full.length === 0) return Math.min(me.maxSessions, Math.ceil(share + share * TOLERANCE));
    if (full.includes(me)) return me.maxSessions;
    left -= full.reduce((sum, { maxSessions }) => sum + maxSessions, 0);
    sharing = sharing.filter((replica) => !full.includes(replica));
  }
}

/** How many of `held` sessions to let go of in this round: surplus goes slowly, so that nobody is flooded with it. */
export function surplusOf(held: number, capacity: number): number {
  return Math.min(Math.max(0, held - capacity), Math.max(1, Math.ceil(held * RELEASED_PER_ROUND)));
}
