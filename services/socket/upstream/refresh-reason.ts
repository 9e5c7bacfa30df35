/** Why the stream is read: the `reason` label of `event_feed_repairs_total`. */
export type RefreshReason = 'audit' | 'gap' | 'reconnect' | 'join';
