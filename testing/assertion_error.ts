/**
 * A failed check of this module.
 *
 * Test runners show it like the error of the same name of `@std/assert`. The module has a class of its own so that it
 * needs no other package.
 */
export class AssertionError extends Error {
  /** The name of the class. */
  override readonly name = "AssertionError";

  /** Makes an error that says what was expected and what was there. */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
