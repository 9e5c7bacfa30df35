import { formatCountdown } from './phone-number.ts';
import type { Texts } from './texts.ts';

export const english: Texts = {
  heading: 'Connect WhatsApp',
  qrLabel: 'QR code to connect WhatsApp',
  steps: [
    "Open WhatsApp on the salon's phone",
    'Menu ⋮ on Android or Settings on iPhone, then Linked devices',
    'Tap Link a device and point the camera at this QR code',
  ],
  codeSteps: [
    'Open WhatsApp: menu ⋮ on Android or Settings on iPhone, then Linked devices',
    'Tap Link a device, then Link with phone number instead at the bottom',
    'Type the code from this page',
  ],
  samePhone: 'Is WhatsApp on this very phone?',
  phoneLabel: "The salon's WhatsApp number",
  phoneHint: 'With the country code, for example +7\u00A0999\u00A0000\u201100\u201101',
  phoneSubmit: 'Get the code',
  codeLabel: (spelled) => `Code: ${spelled}`,
  copy: 'Copy the code',
  copied: 'Code copied',
  notCopied: 'Could not copy, please type the code',
  states: {
    connecting: { title: 'Opening the connection', text: 'This takes a few seconds.' },
    reconnecting: {
      title: 'Restoring the connection',
      text: 'The page lost the service and is reconnecting by itself. If the phone has already accepted, nothing is lost.',
    },
    starting: { title: 'Preparing the QR code', text: '' },
    resuming: { title: 'Connecting to WhatsApp', text: 'The link is kept: there is no need to scan again.' },
    qr: { title: 'Scan the QR code', text: '' },
    'qr-refreshing': { title: 'Scan the QR code', text: '' },
    'phone-number': {
      title: 'Connect by phone number',
      text: "Enter the number of the phone that has the salon's WhatsApp. A code appears here, to be typed in WhatsApp.",
    },
    'code-awaited': {
      title: 'Getting the code',
      text: 'Open WhatsApp on the phone with this number; the code appears here in a moment.',
    },
    'pairing-code': {
      title: 'Type the code in WhatsApp',
      text: 'WhatsApp sends a notification to the phone with this number: tap it. If there is none:',
    },
    'code-expired': {
      title: 'A new code is needed',
      text: 'For your security a code lives less than a minute. Open Linked devices on the phone and get a new one.',
    },
    'qr-expired': {
      title: 'The QR code has expired',
      text: 'For your security a code lives only a short time. Take the phone and get a new one.',
    },
    linked: {
      title: 'Accepted on the phone',
      text: 'Finishing the connection. Keep WhatsApp open on the phone for a few more seconds.',
    },
    connected: {
      title: 'WhatsApp is connected',
      text: 'All done, you can close this page. Keep the phone switched on and online.',
    },
    disconnected: { title: 'The connection to WhatsApp was lost', text: '' },
    'logged-out': {
      title: 'WhatsApp was disconnected from the salon',
      text: 'It was logged out on the phone, in Linked devices. To connect again, scan a new QR code.',
    },
    replaced: {
      title: 'The connection is open elsewhere',
      text: 'Another system uses this connection now. If that was not you, check Linked devices on the phone.',
    },
    'client-outdated': {
      title: 'We have to update',
      text: 'WhatsApp no longer accepts the present version of our service. Nothing is needed from you: try again in an hour or write to support.',
    },
    'passkey-required': {
      title: 'WhatsApp asks for a passkey',
      text: 'This number signs in with a passkey and cannot be connected by QR code yet. Try another number or write to support.',
    },
    failed: {
      title: 'WhatsApp could not be connected',
      text: 'Try again with a new QR code. If that does not help, write to support.',
    },
    'token-missing': {
      title: 'Open this page from your account',
      text: "The address has no key of your salon. Go back to your account and press 'Connect WhatsApp'.",
    },
    'token-expired': {
      title: 'The link has expired',
      text: "It is valid for a limited time. Go back to your account and press 'Connect WhatsApp' again.",
    },
    'token-invalid': {
      title: 'The link does not work',
      text: "The service refused it. Go back to your account and press 'Connect WhatsApp' again. If that does not help, write to support.",
    },
  },
  actions: {
    'request-qr': 'Show a new QR code',
    resume: 'Connect again',
    reconnect: 'Connect now',
    'request-code': 'Get a new code',
    'enter-phone': 'Connect by phone number',
    'change-phone': 'Change the number',
    'use-qr': 'Go to the QR code',
    'other-phone': 'Connect another number',
  },
  codeErrors: {
    PHONE_REQUIRED: 'Enter the phone number.',
    INVALID_PHONE_FORMAT: 'Check the number: all digits are needed, with the country code.',
    REQUEST_IN_PROGRESS: 'A code has been asked for already, perhaps in another tab. Wait a few seconds and try again.',
    PAIRING_CODE_FAILED: 'WhatsApp gave no code for this number. Check that it has WhatsApp and try again in a minute.',
    BAILEYS_ERROR: 'The connection to WhatsApp broke off. Try again in a minute.',
  },
  otherCodeError: 'That did not work. Try again or connect by QR code.',
  notes: {
    slow: 'This takes longer than usual. You can wait or ask for a new code.',
    'service-silent': 'The WhatsApp service does not answer at the moment. We keep trying, leave this page open.',
    offline: 'Check that this device is online. We keep trying.',
    'no-longer-updated': 'The link to this page has expired; the state shown here is no longer updated.',
    retrying: 'The page lost the service; the state is brought up to date when it is back.',
    'too-many-requests': 'Too many requests at once. Wait a minute and try again.',
    'form-waits': 'The page is reconnecting to the service. The number can be sent as soon as it is back.',
    'keep-phone-near': 'This takes longer than usual. Check that the phone is online and WhatsApp is open.',
  },
  qrCountdown: (seconds) => `The code changes in ${formatCountdown(seconds)}`,
  codeCountdown: (seconds) => `The code is valid for ${formatCountdown(seconds)}`,
  qrAwaited: 'The next code is on its way',
  retryIn: (seconds) => `It reconnects by itself in ${formatCountdown(seconds)}. There is nothing to do.`,
  retryNow: 'It is reconnecting by itself. There is nothing to do.',
  retryEnded: 'It does not come back by itself. Check that the phone is online, then press Connect again.',
  reason: (reason) => `For support: ${reason}`,
};
