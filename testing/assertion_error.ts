/**
 * A check of this module has failed.
 *
 * Test runners show it as they show the error of the same name of `@std/assert`; this
 * module has one of its own so that it needs no other package.
 */
export class AssertionError extends Error {
  /** The name of the class. */
  override readonly name = "AssertionError";

  /** Makes an error that says what was expected and what was there. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
