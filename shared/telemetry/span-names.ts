/** Root of a connect's trace: from the moment WhatsApp reported it. The sampler knows it by name. */
export const CONNECT_SPAN = 'whatsapp connect';
/** Root of the trace of any other event of a session. */
export const EVENT_SPAN = 'whatsapp event';
/** Root of one canary round, from its publish to its last receipt. The sampler takes every one. */
export const CANARY_SPAN = 'canary round trip';
/** Root of the trace of one message that somebody wrote to a company. */
export const MESSAGE_SPAN = 'whatsapp message';
