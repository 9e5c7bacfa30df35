/** The command line is wrong; the message says how. Exit code 2. */
export class UsageError extends Error {
  readonly code = 'USAGE';

  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }

  shouldRetry(): boolean {
    return false;
  }
}
