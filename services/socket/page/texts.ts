import type { Action, Note, ViewName } from './onboarding-view.ts';
import { formatCountdown } from './phone-number.ts';

export type Language = 'ru' | 'en';

interface StateText {
  readonly title: string;
  readonly text: string;
}

/** All words of the page. Written for the owner of a salon: what is the matter, and what to do next. */
export interface Texts {
  readonly heading: string;
  readonly qrLabel: string;
  readonly steps: readonly [string, string, string];
  readonly samePhone: string;
  readonly states: Readonly<Record<ViewName, StateText>>;
  readonly actions: Readonly<Record<Action, string>>;
  readonly notes: Readonly<Record<Note, string>>;
  readonly qrCountdown: (seconds: number) => string;
  readonly qrAwaited: string;
  readonly retryIn: (seconds: number) => string;
  readonly retryNow: string;
  readonly retryEnded: string;
  readonly reason: (reason: string) => string;
}

const ru: Texts = {
  heading: 'Подключение WhatsApp',
  qrLabel: 'QR-код для подключения WhatsApp',
  steps: [
    'Откройте WhatsApp на телефоне салона',
    'Меню ⋮ на Android или «Настройки» на iPhone, затем «Связанные устройства»',
    'Нажмите «Привязка устройства» и наведите камеру на QR-код',
  ],
  samePhone: 'WhatsApp на этом же телефоне? Откройте эту страницу на компьютере или планшете.',
  states: {
    connecting: { title: 'Открываем подключение', text: 'Это займёт несколько секунд.' },
    reconnecting: {
      title: 'Восстанавливаем связь',
      text: 'Страница потеряла связь с сервисом и подключается снова сама. Если телефон уже подтвердил вход, ничего не пропадёт.',
    },
    starting: { title: 'Готовим QR-код', text: '' },
    resuming: { title: 'Подключаемся к WhatsApp', text: 'Подключение сохранено, сканировать код заново не нужно.' },
    qr: { title: 'Отсканируйте QR-код', text: '' },
    'qr-refreshing': { title: 'Отсканируйте QR-код', text: '' },
    'qr-expired': {
      title: 'QR-код устарел',
      text: 'Код действует недолго ради вашей безопасности. Возьмите телефон и получите новый.',
    },
    linked: {
      title: 'Телефон подтвердил вход',
      text: 'Завершаем подключение. Не закрывайте WhatsApp на телефоне, осталось несколько секунд.',
    },
    connected: {
      title: 'WhatsApp подключён',
      text: 'Всё готово, эту страницу можно закрыть. Телефон оставьте включённым и в сети.',
    },
    disconnected: { title: 'Связь с WhatsApp прервалась', text: '' },
    'logged-out': {
      title: 'WhatsApp отключён от салона',
      text: 'Вход отменён на телефоне, в списке «Связанные устройства». Чтобы подключить снова, отсканируйте новый QR-код.',
    },
    replaced: {
      title: 'Подключение открыто в другом месте',
      text: 'Этим подключением сейчас пользуется другая система. Если это не вы, проверьте на телефоне «Связанные устройства».',
    },
    'client-outdated': {
      title: 'Нужно обновление с нашей стороны',
      text: 'WhatsApp перестал принимать нынешнюю версию сервиса. От вас ничего не требуется: попробуйте через час или напишите в поддержку.',
    },
    'passkey-required': {
      title: 'WhatsApp требует ключ доступа',
      text: 'Для этого номера включён вход по ключу доступа (passkey), и подключить его по QR-коду пока нельзя. Попробуйте другой номер или напишите в поддержку.',
    },
    failed: {
      title: 'Не удалось подключить WhatsApp',
      text: 'Попробуйте ещё раз с новым QR-кодом. Если не получится, напишите в поддержку.',
    },
    'no-token': {
      title: 'Откройте страницу из личного кабинета',
      text: 'В адресе нет ключа вашего салона. Вернитесь в личный кабинет и нажмите «Подключить WhatsApp».',
    },
    'link-expired': {
      title: 'Ссылка устарела',
      text: 'Она действует ограниченное время. Вернитесь в личный кабинет и снова нажмите «Подключить WhatsApp».',
    },
    'link-invalid': {
      title: 'Ссылка не подходит',
      text: 'Сервис её не принял. Вернитесь в личный кабинет и снова нажмите «Подключить WhatsApp». Если не поможет, напишите в поддержку.',
    },
  },
  actions: { 'request-qr': 'Показать новый QR-код', resume: 'Подключить снова', reconnect: 'Подключиться сейчас' },
  notes: {
    slow: 'Занимает больше времени, чем обычно. Можно подождать или попросить новый код.',
    'service-silent': 'Сервис WhatsApp сейчас не отвечает. Мы пробуем снова сами, не закрывайте страницу.',
    offline: 'Проверьте, есть ли интернет на этом устройстве. Мы продолжаем попытки.',
    'no-longer-updated': 'Ссылка на эту страницу устарела, состояние здесь больше не обновляется.',
    retrying: 'Страница потеряла связь с сервисом и обновит состояние, когда она вернётся.',
    'keep-phone-near': 'Занимает больше обычного. Проверьте, что на телефоне есть интернет и WhatsApp открыт.',
  },
  qrCountdown: (seconds) => `Код сменится через ${formatCountdown(seconds)}`,
  qrAwaited: 'Сейчас появится новый код',
  retryIn: (seconds) => `Подключимся снова сами через ${formatCountdown(seconds)}. Ничего делать не нужно.`,
  retryNow: 'Подключаемся снова сами. Ничего делать не нужно.',
  retryEnded: 'Само подключение не восстановится. Проверьте, что телефон в сети, и нажмите «Подключить снова».',
  reason: (reason) => `Для поддержки: ${reason}`,
};

const en: Texts = {
  heading: 'Connect WhatsApp',
  qrLabel: 'QR code to connect WhatsApp',
  steps: [
    "Open WhatsApp on the salon's phone",
    'Menu ⋮ on Android or Settings on iPhone, then Linked devices',
    'Tap Link a device and point the camera at this QR code',
  ],
  samePhone: 'Is WhatsApp on this very phone? Open this page on a computer or a tablet.',
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
    'no-token': {
      title: 'Open this page from your account',
      text: "The address has no key of your salon. Go back to your account and press 'Connect WhatsApp'.",
    },
    'link-expired': {
      title: 'The link has expired',
      text: "It is valid for a limited time. Go back to your account and press 'Connect WhatsApp' again.",
    },
    'link-invalid': {
      title: 'The link does not work',
      text: "The service refused it. Go back to your account and press 'Connect WhatsApp' again. If that does not help, write to support.",
    },
  },
  actions: { 'request-qr': 'Show a new QR code', resume: 'Connect again', reconnect: 'Connect now' },
  notes: {
    slow: 'This takes longer than usual. You can wait or ask for a new code.',
    'service-silent': 'The WhatsApp service does not answer at the moment. We keep trying, leave this page open.',
    offline: 'Check that this device is online. We keep trying.',
    'no-longer-updated': 'The link to this page has expired; the state shown here is no longer updated.',
    retrying: 'The page lost the service; the state is brought up to date when it is back.',
    'keep-phone-near': 'This takes longer than usual. Check that the phone is online and WhatsApp is open.',
  },
  qrCountdown: (seconds) => `The code changes in ${formatCountdown(seconds)}`,
  qrAwaited: 'The next code is on its way',
  retryIn: (seconds) => `It reconnects by itself in ${formatCountdown(seconds)}. There is nothing to do.`,
  retryNow: 'It is reconnecting by itself. There is nothing to do.',
  retryEnded: 'It does not come back by itself. Check that the phone is online, then press Connect again.',
  reason: (reason) => `For support: ${reason}`,
};

const TEXTS: Readonly<Record<Language, Texts>> = { ru, en };

export function textsFor(language: Language): Texts {
  return TEXTS[language];
}

/** `lang` of the address wins; else the browser's language; Russian for every language that the page does not have. */
export function chooseLanguage(asked: string | null, browserLanguages: readonly string[]): Language {
  const known = [asked ?? '', ...browserLanguages].map((tag) => tag.toLowerCase().split('-')[0]);
  return known.find((tag): tag is Language => tag === 'ru' || tag === 'en') ?? 'ru';
}
