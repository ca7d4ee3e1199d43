/** Tests in the order in which they were registered. */
export const tests = [];

const IGNORED = [
  // These tests run with all permissions.
  "Deno's error for a host name that the tests may not look up is recognized",
  // Bun's own class has not the shape that the standard gives it.
  ...globalThis.Bun === undefined
    ? []
    : ["The interface has the shape of the runtime's own"],
];

/** Stands in for `Deno.test`, in the forms that the tests use. */
export function registerTest(name, ...rest) {
  const fn = rest.pop();
  const ignored = rest[0]?.ignore === true || IGNORED.includes(name);
  if (!ignored) tests.push({ name, fn });
}
