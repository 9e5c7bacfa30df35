/**
 * Names of span attributes. `messaging.*` follows the OpenTelemetry semantic conventions for messaging, version 1.37
 * (status Development); `nats` is not a registered system but the one everybody uses.
 * https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
 */
export const ATTRIBUTES = {
  companyId: 'company.id',
  eventType: 'whatsapp.event.type',
  sessionState: 'whatsapp.session.state',
  synthetic: 'whatsapp.synthetic',
  /** `start`, `request-qr`, …: what was asked of the session's owner. */
  command: 'whatsapp.command.name',
  /** What became of a publish or a canary round. */
  outcome: 'whatsapp.outcome',
  messagingSystem: 'messaging.system',
  operationName: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  destinationName: 'messaging.destination.name',
  destinationTemplate: 'messaging.destination.template',
  messageId: 'messaging.message.id',
  /** Browsers that an emit goes to. */
  roomSize: 'socketio.room.size',
  errorType: 'error.type',
} as const;
