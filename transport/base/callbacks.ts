import { ConfigError, toError } from "./errors.ts";

/** Receives what a user's callback threw or rejected with. Must not throw. */
export type CallbackErrorHandler = (error: Error) => void;

/**
 * Calls a user's callback that only observes.
 *
 * Never throws: an exception and a rejection of a returned promise go to `onError`. The returned value is
 * ignored, and a promise that never settles keeps nothing waiting.
 */
export function notify<A extends unknown[]>(
  callback: ((...args: A) => unknown) | undefined,
  onError: CallbackErrorHandler,
  ...args: A
): void {
  if (callback === undefined) return;
  try {
    watch(callback(...args), onError);
  } catch (error) {
    onError(toError(error));
  }
}

/**
 * Calls a user's callback that may be async and only observes.
 *
 * Never throws: an exception and a rejection go to `onError`.
 *
 * @returns `undefined` if the callback has finished, else a promise that resolves when it has and never rejects.
 */
export function perform<A extends unknown[]>(
  callback: (...args: A) => unknown,
  onError: CallbackErrorHandler,
  ...args: A
): Promise<void> | undefined {
  try {
    return watch(callback(...args), onError);
  } catch (error) {
    onError(toError(error));
    return undefined;
  }
}

/** The rules for the result of a user's callback. */
export interface DecisionRules<T> {
  /** Whether a value is one that the callback may return. */
  readonly accepts: (value: unknown) => value is T;
  /** What the callback has to return, for the error message: "a number from 0". */
  readonly rule: string;
  /** The name of the option, for the error message. */
  readonly name: string;
  /** The value to use when the callback throws or returns something else. */
  readonly fallback: T;
  /** Receives the exception, the rejection, or an error that describes the wrong value. */
  readonly onError: CallbackErrorHandler;
}

/**
 * Calls a user's callback whose returned value is used at once.
 *
 * Never throws. A promise is a wrong value here, and its rejection is reported like any other error.
 */
export function decide<T, A extends unknown[]>(
  callback: (...args: A) => unknown,
  rules: DecisionRules<T>,
  ...args: A
): T {
  const { accepts, rule, name, fallback, onError } = rules;
  try {
    const value = callback(...args);
    if (accepts(value)) return value;
    watch(value, onError);
    onError(
      new ConfigError(
        "invalid-result",
        name,
        `Cannot use the result of ${name}: it must be ${rule}, and is ${
          describe(value)
        }.`,
      ),
    );
  } catch (error) {
    onError(toError(error));
  }
  return fallback;
}

/** Reports the rejection of a value that is a promise. Returns when that has settled. */
function watch(
  value: unknown,
  onError: CallbackErrorHandler,
): Promise<void> | undefined {
  if (!isThenable(value)) return undefined;
  return Promise.resolve(value).then(
    () => {},
    (error) => onError(toError(error)),
  );
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof Reflect.get(value, "then") === "function";
}

function describe(value: unknown): string {
  if (isThenable(value)) return "a promise (the callback must not be async)";
  if (typeof value === "string") return JSON.stringify(value);
  return typeof value === "object" && value !== null
    ? "an object"
    : String(value);
}
