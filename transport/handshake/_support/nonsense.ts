/** Functions that a user of JavaScript may pass as a callback, and that return none of the documented values. */
export const NONSENSE: Readonly<Record<string, () => unknown>> = {
  throws: () => {
    throw new Error("on purpose");
  },
  "is async": () => Promise.resolve(true),
  rejects: () => Promise.reject(new Error("on purpose")),
  "never settles": () => new Promise(() => {}),
  "returns a thenable": () => ({ then: () => {} }),
  "returns 1": () => 1,
  "returns an object": () => ({}),
  "returns NaN": () => NaN,
};
