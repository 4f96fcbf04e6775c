import { AsyncDrop } from "@async-drop/core"
import { Effect, Exit } from "effect"
import { DatabaseSync } from "node:sqlite"
import { as, CloseError, DatabaseError } from "./errors.ts"
import type { Digest } from "./files.ts"

/** A database of files, which knows how it is closed. */
export class Database implements AsyncDrop.AsyncDrop<CloseError> {
  private readonly sqlite: DatabaseSync
  private readonly statements: ReturnType<typeof prepare>

  constructor(path: string) {
    this.sqlite = new DatabaseSync(path)
    try {
      this.sqlite.exec("create table file (path text primary key, size integer, sha256 text)")
      this.statements = prepare(this.sqlite)
    } catch (error) {
      this.sqlite.close() // nobody else has it yet
      throw error
    }
  }

  [AsyncDrop.asyncDrop]() {
    return this.close()
  }

  close() {
    return Effect.try({ try: () => this.sqlite.close(), catch: as(CloseError) })
  }

  /** Runs `body` as one transaction: committed where it succeeds, else rolled back. */
  transaction<A, E, R>(body: Effect.Effect<A, E, R>) {
    return AsyncDrop.acquireUseRelease(
      this.run(() => this.sqlite.exec("begin")),
      () => body,
      (_, exit) => this.run(() => this.sqlite.exec(Exit.isSuccess(exit) ? "commit" : "rollback")),
      { name: "transaction" }
    )
  }

  insert(path: string, { sha256, size }: Digest) {
    return this.run(() => this.statements.insert.run(path, size, sha256))
  }

  find(path: string) {
    return this.run((): Digest | undefined => {
      const row = this.statements.find.get(path)
      return row && { size: Number(row["size"]), sha256: String(row["sha256"]) }
    })
  }

  totals() {
    return this.run(() => {
      const row = this.statements.totals.get()
      return { files: Number(row?.["files"]), bytes: Number(row?.["bytes"]) }
    })
  }

  private run<A>(statement: () => A) {
    return Effect.try({ try: statement, catch: as(DatabaseError) })
  }
}

const prepare = (sqlite: DatabaseSync) => ({
  insert: sqlite.prepare("insert into file values (?, ?, ?)"),
  find: sqlite.prepare("select size, sha256 from file where path = ?"),
  totals: sqlite.prepare("select count(*) as files, total(size) as bytes from file")
})

/** Makes a new database until the current scope closes. */
export const openDatabase = (path: string) =>
  AsyncDrop.acquire(Effect.try({ try: () => new Database(path), catch: as(DatabaseError) }), { name: "database" })
