import type { CompanyId } from '../contract/company-id.ts';

/** Too many events of the company wait. The event was not taken; the state it carried is published with the next one. */
export class PublishQueueFullError extends Error {
  readonly code = 'PUBLISH_QUEUE_FULL';

  constructor(companyId: CompanyId, waiting: number) {
    super(`${waiting} events of ${companyId} wait to be published`);
    this.name = 'PublishQueueFullError';
  }

  shouldRetry(): boolean {
    return true;
  }
}

/** The stream can never take this event. */
export class PublishRefusedError extends Error {
  readonly code = 'PUBLISH_REFUSED';

  constructor(id: string, cause: unknown) {
    super(`event ${id} cannot be published: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'PublishRefusedError';
  }

  shouldRetry(): boolean {
    return false;
  }
}

/** The publisher ended before the event's fate was known. */
export class PublisherStoppedError extends Error {
  readonly code = 'PUBLISHER_STOPPED';

  constructor(id: string) {
    super(`the publisher stopped before event ${id} was decided`);
    this.name = 'PublisherStoppedError';
  }

  shouldRetry(): boolean {
    return false;
  }
}
