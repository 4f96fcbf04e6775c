import { Effect } from "effect"
import { readdirSync, readlinkSync } from "node:fs"
import { createServer } from "node:net"

/**
 * What the process holds open before it has begun. Node opens its standard streams when they are first
 * looked at, and a spare descriptor with the first socket, and keeps them: so these come first.
 */
export const atStart = Effect.callback<ReadonlyArray<string>>((resume) => {
  void [process.stdout, process.stderr]
  const server = createServer()
  server.listen(0, "127.0.0.1", () => server.close(() => resume(openNow)))
})

/**
 * What is open now and was not open `before`. Node closes sockets over a few turns of its event loop, so
 * this looks again, for a second at most.
 */
export const leftSince = (before: ReadonlyArray<string>) =>
  openNow.pipe(
    Effect.map((now) => beyond(before, now)),
    Effect.tap((left) => left.length === 0 ? Effect.void : Effect.sleep("10 millis")),
    Effect.repeat({ until: (left) => left.length === 0, times: 100 })
  )

/** What keeps the process alive, and on Linux every descriptor. */
const openNow = Effect.sync((): ReadonlyArray<string> => [...process.getActiveResourcesInfo(), ...descriptors()])

const beyond = (before: ReadonlyArray<string>, now: ReadonlyArray<string>) => {
  const rest = [...before]
  return now.filter((it) => {
    const at = rest.indexOf(it)
    if (at < 0) return true
    rest.splice(at, 1)
    return false
  })
}

const descriptors = () => {
  if (process.platform !== "linux") return []
  return readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`)
    } catch {
      return [] // the one that read the directory
    }
  })
}
