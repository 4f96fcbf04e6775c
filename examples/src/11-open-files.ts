// The files that are open, as in the file list of CryFS: one handle per file, however many use it. Fifty fibres open,
// write, rename and delete two hundred of them for three seconds, and at the end the disk holds what was written.
import { AsyncDrop, AsyncDropGuard, ConcurrentStore, type DropFailure } from "@async-drop/core"
import { Clock, Effect, Option } from "effect"
import assert from "node:assert/strict"
import { type FileHandle, mkdtemp, open, readdir, readFile, rename, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

const fibres = 50
const files = 200
const millis = 3000

class DiskError extends Error {
  readonly _tag = "DiskError"
}

/** An open file. What is written stays in memory until it is closed: reading it earlier from the disk would be wrong. */
interface OpenFile {
  readonly handle: FileHandle
  readonly lines: Array<string>
}

type Failure = DiskError | DropFailure.DropFailure<DiskError>

const disk = <A>(what: string, run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: (cause) => new DiskError(what, { cause }) })

const temporary = AsyncDrop.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "open-files-"))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true })),
  { name: "temporary folder" }
)

const program = Effect.gen(function*() {
  const folder = yield* temporary
  const pathOf = (name: string) => join(folder, name)
  let opened = 0
  let handles = 0

  const openFile = (name: string) =>
    AsyncDrop.acquireRelease(
      Effect.map(
        disk(`open ${name}`, () => open(pathOf(name), "a")),
        (handle): OpenFile => {
          opened++
          handles++
          return { handle, lines: [] }
        }
      ),
      ({ handle, lines }) =>
        disk(`close ${name}`, () =>
          handle.appendFile(lines.join("")).finally(() => handle.close()).finally(() => handles--)),
      { name: "file" }
    )

  const store = yield* ConcurrentStore.make({
    lookup: openFile,
    capacity: 60, // fewer than there are files
    idleTimeToLive: "5 millis",
    name: "open files"
  })

  // What each file is to hold: changed in the step in which the file is.
  const model = new Map<string, string>()
  const done = { written: 0, renamed: 0, deleted: 0, refused: 0 }

  const write = (name: string, line: string) =>
    ConcurrentStore.use(store, name, ({ lines }) =>
      Effect.gen(function*() {
        yield* Effect.yieldNow // others write to it meanwhile
        lines.push(line)
        model.set(name, (model.get(name) ?? "") + line)
        done.written++
      }))

  /** Closes a file once nobody uses it, then runs `then`; who wants the file meanwhile waits, and opens it anew. */
  const close = (name: string, then: Effect.Effect<void, Failure>): Effect.Effect<void, Failure> =>
    ConcurrentStore.requestImmediateDrop(
      store,
      name,
      (guard) => Effect.andThen(Option.isSome(guard) ? AsyncDropGuard.drop(guard.value) : Effect.void, then)
    ).pipe(
      // Somebody else is at it: it is as well to leave it to him.
      Effect.catchTag("AlreadyDropping", (refused) => {
        done.refused++
        return refused.await
      })
    )

  const remove = (name: string) =>
    close(
      name,
      Effect.map(disk(`delete ${name}`, () => rm(pathOf(name), { force: true })), () => {
        model.delete(name)
        done.deleted++
      })
    )

  // Two keys are taken one inside the other, the smaller first: so no two renames wait for each other.
  const move = (from: string, to: string) => {
    const both = Effect.gen(function*() {
      if (!model.has(from)) return
      yield* disk(`rename ${from}`, () => rename(pathOf(from), pathOf(to)))
      model.set(to, model.get(from) ?? "")
      model.delete(from)
      done.renamed++
    })
    return from < to ? close(from, close(to, both)) : close(to, close(from, both))
  }

  const end = (yield* Clock.currentTimeMillis) + millis
  const work = (id: number) =>
    Effect.gen(function*() {
      const any = () => `file-${Math.floor(Math.random() * files)}`
      for (let i = 0; (yield* Clock.currentTimeMillis) < end; i++) {
        const [name, other] = [any(), any()]
        const dice = Math.random()
        if (dice < 0.8) yield* write(name, `${id}:${i}\n`)
        else if (dice < 0.9) yield* remove(name)
        else if (name !== other) yield* move(name, other)
      }
    })
  yield* Effect.forEach(Array.from({ length: fibres }, (_, id) => id), work, { concurrency: "unbounded" })
  yield* ConcurrentStore.drop(store)
  assert.equal(handles, 0)

  const names = yield* Effect.promise(() => readdir(folder))
  assert.deepEqual(names.toSorted(), [...model.keys()].toSorted())
  for (const name of names) {
    assert.equal(yield* Effect.promise(() => readFile(pathOf(name), "utf8")), model.get(name), name)
  }
  console.log(
    `${done.written} lines written, ${done.renamed} renames, ${done.deleted} deletes, ${done.refused} left to others; ` +
      `${opened} times opened, ${names.length} files as they should be`
  )
})

await Effect.runPromise(Effect.timeout(AsyncDrop.scoped(program), "20 seconds"))
