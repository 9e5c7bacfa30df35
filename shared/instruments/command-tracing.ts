import { context, trace } from '@opentelemetry/api';
import { requestCommand, type CommandRequest } from '../bus/commands.ts';
import type { BusConnection } from '../bus/connection.ts';
import type { Command, CommandReply } from '../contract/commands.ts';
import type { CompanyId } from '../contract/company-id.ts';
import { COMMANDS_TEMPLATE } from '../contract/subjects.ts';
import { ATTRIBUTES } from '../telemetry/attributes.ts';
import { processCommandSpan, requestCommandSpan } from '../telemetry/messaging-spans.ts';
import { endSpanWith } from '../telemetry/spans.ts';
import type { MessagingInstruments } from './messaging-instruments.ts';

const tracer = trace.getTracer('commands');

/** `requestCommand`, measured and in a span of its own, which goes along to the receiver. Rejects as that does. */
export function requestTraced(
  bus: BusConnection,
  messaging: MessagingInstruments,
  request: CommandRequest,
): Promise<CommandReply> {
  const { name, options } = requestCommandSpan(request.companyId, request.name);
  return tracer.startActiveSpan(name, options, (span) =>
    endSpanWith(span, async () => {
      const reply = await messaging.send('request', COMMANDS_TEMPLATE, () => requestCommand(bus, request));
      if (!reply.ok) span.setAttribute(ATTRIBUTES.errorType, reply.error.code);
      return reply;
    }),
  );
}

/** Handles a command, measured and in a span below the sender's, whose context is the active one. */
export function processTraced(
  messaging: MessagingInstruments,
  companyId: CompanyId,
  command: Command,
  handle: () => Promise<CommandReply>,
): Promise<CommandReply> {
  const { name, options } = processCommandSpan(companyId, command.name, trace.getSpanContext(context.active()));
  return tracer.startActiveSpan(name, options, (span) =>
    endSpanWith(span, async () => {
      span.setAttribute(ATTRIBUTES.messageId, command.id);
      const errorOf = (reply: CommandReply) => (reply.ok ? undefined : reply.error.code);
      const reply = await messaging.process(COMMANDS_TEMPLATE, handle, errorOf);
      if (!reply.ok) span.setAttribute(ATTRIBUTES.errorType, reply.error.code);
      return reply;
    }),
  );
}
