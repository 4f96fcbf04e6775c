// The lock file itself: an empty SQLite database, locked by an exclusive transaction that never writes.
//
// 1. The kernel holds the lock for this process, and frees it when the process ends, however it ends.
// 2. This process opens the lock file through SQLite only: closing any other descriptor of it would drop the lock.
// 3. The file stays where it is and stays empty: deleting it would let a second holder in.
// 4. Whoever has the lock has written its record beside it in the same step, and removes it before it lets go.
// 5. An open database is reachable from here: one that is collected as garbage is closed, and its lock is gone.
//    A fibre that nothing waits for is garbage too, with all that it holds.
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { accessSync, constants, readFileSync, realpathSync, rmSync, type Stats, statSync, writeFileSync } from "node:fs"
import { hostname } from "node:os"
import { basename, dirname, join, resolve } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { wordsOf } from "./errno.ts"
import { Holder, LockReleaseError, LockUnavailable } from "./lock-model.ts"
import { type Identity, isAlive, own } from "./process-identity.ts"

/** Where a lock is. */
export interface Place {
  /** As the caller wrote it. */
  readonly path: string
  /** Without symbolic links. */
  readonly real: string
}

/** A lock that this process has. */
export interface Held {
  readonly place: Place
  readonly holder: Holder
  readonly database: DatabaseSync
  readonly file: Stats
}

/** Where a path leads; fails where there is no such folder. */
export const find = (path: string): Effect.Effect<Place, LockUnavailable> => {
  const absolute = resolve(path)
  const folder = dirname(absolute)
  return Effect.try(() => realpathSync(absolute)).pipe(
    // The lock file itself may be yet to be made.
    Effect.catch(() => Effect.try(() => join(realpathSync.native(`${folder}/`), basename(absolute)))),
    Effect.mapBoth({
      onSuccess: (real): Place => ({ path, real }),
      onFailure: ({ cause }) => unavailable(path, "folder", `the folder ${folder}: ${wordsOf(cause)}`, cause)
    })
  )
}

/** As `find`, and finds out what else can be known before anything is opened. */
export const locate = (path: string): Effect.Effect<Place, LockUnavailable> =>
  Effect.tap(find(path), (place) => {
    const folder = dirname(place.real)
    return Effect.andThen(
      Effect.try(() => accessSync(folder, constants.W_OK | constants.X_OK)).pipe(
        Effect.mapError(({ cause }) =>
          unavailable(path, "permission", `the folder ${folder} is not writable: ${wordsOf(cause)}`, cause)
        )
      ),
      examine(place)
    )
  })

/** The open lock file of one who asks for the lock. It stays open between two questions, which makes them cheap. */
export class Asking {
  readonly place: Place
  database: DatabaseSync | undefined = undefined
  /** What stood at the path before it was opened. */
  file: Stats | undefined = undefined

  constructor(place: Place) {
    this.place = place
  }

  close(): void {
    if (this.database !== undefined) close(this.database)
    this.database = undefined
  }
}

/** Takes the lock if nobody has it; never waits. Whoever does not get it has to close what was opened. */
export const ask = (asking: Asking, name: string): Effect.Effect<Held | undefined, LockUnavailable> =>
  Effect.gen(function*() {
    const { place } = asking
    const self = yield* own // known by then: once the lock is there, nothing is waited for (4)
    const database = asking.database ?? (yield* open(asking))
    if (!(yield* begin(place, database))) return undefined
    const now = yield* examine(place)
    const before = asking.file
    if (now === undefined || before === undefined || !isSame(before, now)) {
      // The file was made or replaced meanwhile: what is locked may not be what stands there now.
      asking.close()
      return before === undefined ? yield* ask(asking, name) : undefined
    }
    const holder = yield* record(place, name, self)
    return { place, holder, database, file: now }
  })

/** Lets go, whatever else fails. */
export const letGo = ({ database, file, place }: Held): Effect.Effect<void, LockReleaseError> =>
  Effect.gen(function*() {
    const removed = yield* Effect.exit(removeRecord(place))
    const intact = yield* Effect.exit(checkIntact(place, file))
    const closed = yield* Effect.exit(Effect.sync(() => close(database)))
    return yield* Exit.asVoidAll([removed, intact, closed])
  })

/** Who has the lock, as far as its record tells. */
export const holderOf = (place: Place): Effect.Effect<Option.Option<Holder>> =>
  Effect.try(() => readFileSync(recordOf(place), "utf8")).pipe(
    Effect.flatMap(decode),
    Effect.flatMap((holder) =>
      holder.host !== hostname()
        ? Effect.succeedSome(holder)
        : Effect.map(isAlive(identityOf(holder)), (alive) => alive ? Option.some(holder) : Option.none())
    ),
    // There is none, or it is being written: then nobody can tell.
    Effect.catch(() => Effect.succeedNone)
  )

const identityOf = ({ pid, startTime }: Holder): Identity => ({ pid, start: startTime })

const reachable = new Set<DatabaseSync>()

const close = (database: DatabaseSync): void => {
  reachable.delete(database)
  database.close()
}

const recordOf = (place: Place) => `${place.real}.holder`

const json = Schema.fromJsonString(Holder)
const decode = Schema.decodeUnknownEffect(json)
const encode = Schema.encodeSync(json)

/** What stands at the path: nothing, or an empty file that this process may lock. */
const examine = (place: Place): Effect.Effect<Stats | undefined, LockUnavailable> =>
  Effect.gen(function*() {
    const { path, real } = place
    const file = yield* Effect.try(() => statSync(real, { throwIfNoEntry: false })).pipe(
      Effect.mapError(({ cause }) => unavailable(path, "permission", wordsOf(cause), cause))
    )
    if (file === undefined) return undefined
    if (file.isDirectory()) return yield* unavailable(path, "not-a-lock", "it is a folder")
    if (!file.isFile()) return yield* unavailable(path, "not-a-lock", "it is no regular file")
    if (file.size > 0) return yield* unavailable(path, "not-a-lock", "it has content, and a lock file is empty")
    yield* Effect.try(() => accessSync(real, constants.R_OK | constants.W_OK)).pipe(
      Effect.mapError(({ cause }) => unavailable(path, "permission", `it is not writable: ${wordsOf(cause)}`, cause))
    )
    return file
  })

const open = (asking: Asking): Effect.Effect<DatabaseSync, LockUnavailable> =>
  Effect.gen(function*() {
    const { path, real } = asking.place
    asking.file = yield* examine(asking.place)
    // Loaded when it is first needed: some versions of Node warn that it is experimental.
    const sqlite = process.getBuiltinModule("node:sqlite")
    return yield* Effect.try(() => {
      const database = new sqlite.DatabaseSync(real, { timeout: 0 })
      reachable.add(database)
      asking.database = database
      return database
    }).pipe(Effect.mapError(({ cause }) => unavailable(path, "system", wordsOf(cause), cause)))
  })

const begin = ({ path }: Place, database: DatabaseSync): Effect.Effect<boolean, LockUnavailable> =>
  Effect.catchIf(
    Effect.try({
      try: () => {
        // Without a journal on the disk, a killed holder leaves nothing to clean up.
        database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE")
        return true
      },
      catch: (cause) => isBusy(cause) ? "busy" : unavailable(path, "system", wordsOf(cause), cause)
    }),
    (error) => error === "busy",
    () => Effect.succeed(false)
  )

const isBusy = (cause: unknown): boolean =>
  cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number" && (cause.errcode & 0xff) === 5

const record = (place: Place, name: string, self: Identity): Effect.Effect<Holder, LockUnavailable> =>
  Effect.gen(function*() {
    const since = DateTime.formatIso(yield* DateTime.now)
    const holder: Holder = { pid: self.pid, startTime: self.start, host: hostname(), name, since }
    const path = recordOf(place)
    yield* Effect.try(() => writeFileSync(path, `${encode(holder)}\n`)).pipe(
      Effect.mapError(({ cause }) =>
        unavailable(place.path, "record", `cannot write who holds it to ${path}: ${wordsOf(cause)}`, cause)
      ),
      // A disk that is full may have taken the name and not the content.
      Effect.onError(() => Effect.ignore(Effect.try(() => rmSync(path, { force: true }))))
    )
    return holder
  })

const removeRecord = (place: Place): Effect.Effect<void, LockReleaseError> =>
  Effect.try({
    try: () => rmSync(recordOf(place), { force: true }),
    catch: (cause) =>
      new LockReleaseError({
        path: place.path,
        reason: "record",
        message: `let go of ${place.path}, and cannot remove ${recordOf(place)}: ${wordsOf(cause)}`,
        cause
      })
  })

const checkIntact = (place: Place, file: Stats): Effect.Effect<void, LockReleaseError> =>
  Effect.suspend(() => {
    const now = statSync(place.real, { throwIfNoEntry: false })
    return now !== undefined && isSame(now, file) ? Effect.void : Effect.fail(
      new LockReleaseError({
        path: place.path,
        reason: "lost",
        message: `${place.path} was ${now === undefined ? "deleted" : "replaced"} while it was held: ` +
          `someone else may have held it at the same time`
      })
    )
  })

const isSame = (a: Stats, b: Stats): boolean => a.dev === b.dev && a.ino === b.ino

const unavailable = (
  path: string,
  reason: LockUnavailable["reason"],
  why: string,
  cause?: unknown
): LockUnavailable => new LockUnavailable({ path, reason, message: `cannot lock ${path}: ${why}`, cause })
