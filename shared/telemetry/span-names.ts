/** Root of a connect's trace: from the moment WhatsApp reported it. The sampler knows it by name. */
export const CONNECT_SPAN = 'whatsapp connect';
