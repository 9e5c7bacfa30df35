import { HttpError } from '../../shared/http/http-error.ts';

/** @throws HttpError BAD_BODY when it is no object */
export function bodyOf(body: unknown): Readonly<Record<string, unknown>> {
  if (body === undefined) return {};
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>;
  throw new HttpError(400, 'BAD_BODY', 'the body must be an object');
}

interface TypeNames {
  readonly string: string;
  readonly number: number;
  readonly boolean: boolean;
}

/** @throws HttpError BAD_BODY when the field is there and of another type */
export function optional<Name extends keyof TypeNames>(
  body: Readonly<Record<string, unknown>>,
  field: string,
  type: Name,
): TypeNames[Name] | undefined {
  const value = body[field];
  if (value === undefined) return undefined;
  if (typeof value !== type) throw new HttpError(400, 'BAD_BODY', `${field} must be a ${type}`);
  return value as TypeNames[Name];
}
