import { Data } from "effect"

/** What was asked for cannot be done. */
export class BadInput extends Data.TaggedError("BadInput")<{ readonly message: string }> {}

/** A signal came before the end. */
export class Stopped extends Data.TaggedError("Stopped")<{ readonly signal: NodeJS.Signals }> {
  override readonly message = `stopped by ${this.signal}`
}

/** A file cannot be opened, read or written. */
export class FileError extends Data.TaggedError("FileError")<{ readonly message: string }> {}

/** A statement failed. */
export class DatabaseError extends Data.TaggedError("DatabaseError")<{ readonly message: string }> {}

/** A response is not what the database says. */
export class WrongResponse extends Data.TaggedError("WrongResponse")<{ readonly message: string }> {}

/** A resource cannot be given back. */
export class CloseError extends Data.TaggedError("CloseError")<{ readonly message: string }> {}

/** For `catch`: makes what was thrown one of the errors above. */
export const as = <E>(Failure: new(args: { readonly message: string }) => E) => (thrown: unknown): E =>
  new Failure({ message: thrown instanceof Error ? thrown.message : String(thrown) })
