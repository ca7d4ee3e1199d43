/** What Web IDL and HTML ask of an interface, and what a class declaration cannot say. */

/**
 * A function that takes the events of one type. Written as a method, so that a function for a narrower type of event
 * may be set.
 */
export type EventHandler<E extends Event> =
  | { handle(event: E): unknown }["handle"]
  | null;

/** An interface: its name, its constants, and the types of events that have a handler attribute. */
export interface InterfaceShape {
  readonly name: string;
  readonly constants: Readonly<Record<string, number>>;
  readonly events: readonly string[];
}

/**
 * Gives a class the shape of an interface: constants on the class and on its prototype, handler attributes
 * (`onopen`), attributes and methods that can be enumerated, and the name as its string tag.
 */
export function shapeInterface(
  of: { readonly prototype: EventTarget },
  { name, constants, events }: InterfaceShape,
): void {
  const { prototype } = of;
  for (const key of Object.getOwnPropertyNames(prototype)) {
    if (key === "constructor") continue;
    Object.defineProperty(prototype, key, { enumerable: true });
  }
  for (const [key, value] of Object.entries(constants)) {
    const constant = { value, enumerable: true };
    Object.defineProperty(of, key, constant);
    Object.defineProperty(prototype, key, constant);
  }
  for (const type of events) defineHandler(prototype, type);
  Object.defineProperty(prototype, Symbol.toStringTag, {
    value: name,
    configurable: true,
  });
}

interface Registration {
  handler: unknown;
  readonly listener: EventListener;
}

/**
 * Defines the attribute that holds the handler of a type of events (HTML, section 8.1.8.1): a function or an object,
 * `null` in place of everything else. The handler takes its place among the listeners when it is set, and keeps it
 * when it is replaced.
 */
function defineHandler(prototype: EventTarget, type: string): void {
  const registrations = new WeakMap<EventTarget, Registration>();
  Object.defineProperty(prototype, `on${type}`, {
    enumerable: true,
    configurable: true,
    get(this: EventTarget): unknown {
      return registrations.get(this)?.handler ?? null;
    },
    set(this: EventTarget, value: unknown) {
      const present = registrations.get(this);
      if (typeof value === "function" || isObject(value)) {
        if (present !== undefined) present.handler = value;
        else registrations.set(this, register(this, type, value));
      } else if (present !== undefined) {
        this.removeEventListener(type, present.listener);
        registrations.delete(this);
      }
    },
  });
}

function register(
  target: EventTarget,
  type: string,
  handler: unknown,
): Registration {
  const registration: Registration = {
    handler,
    listener: (event) => {
      const { handler } = registration;
      if (typeof handler === "function") handler.call(target, event);
    },
  };
  target.addEventListener(type, registration.listener);
  return registration;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
