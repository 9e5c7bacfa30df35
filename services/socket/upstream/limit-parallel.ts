/** The same work, at most `limit` at a time; what comes beyond waits for its turn, in order. */
export function limitParallel<A, R>(limit: number, work: (argument: A) => Promise<R>): (argument: A) => Promise<R> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (argument) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await work(argument);
    } finally {
      const next = waiting.shift();
      // The place is handed on without becoming free.
      if (next) next();
      else running -= 1;
    }
  };
}
