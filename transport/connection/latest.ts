/** The latest of several objects. Thousands of connections of a pool have equal options, and share one object. */
export class Latest<T extends object> {
  #latest: WeakRef<T> | undefined;

  /** Returns the latest object if its fields are the same, else this one. */
  share(value: T): T {
    const latest = this.#latest?.deref();
    if (latest !== undefined && haveSameFields(latest, value)) return latest;
    this.#latest = new WeakRef(value);
    return value;
  }
}

function haveSameFields(a: object, b: object): boolean {
  const fields = Object.entries(b);
  return fields.length === Object.keys(a).length &&
    fields.every(([name, value]) => Object.is(Reflect.get(a, name), value));
}
