// Results with a guard on their success side, and values of other libraries.
import { AsyncDrop, AsyncDropGuard, AsyncDropResult } from "@async-drop/core"
import { Effect, Exit, Result } from "effect"
import { type Command, newGuard, ok, on, placeOf } from "./command.ts"
import { Life } from "./plain.ts"
import { unlessClosed } from "./run.ts"

export const results = {
  result: (run, line) => {
    const into = placeOf(run, line)
    const resource = run.resource(line.ending)
    const refused = line.a === 0
    let life: Life | undefined
    return {
      says: `result of ${resource.name}, which ${line.ending}${refused ? " and is refused" : ""}, into ${into.says}`,
      model: () =>
        into.model((place, where) =>
          unlessClosed(place, () => {
            if (refused) return "none"
            resource.owed = true
            life = place.add(new Life(resource, where))
            return "ok"
          }), line.sink),
      real: Effect.flatMap(
        Effect.exit(into.real(AsyncDropGuard.make(
          refused ? Effect.fail("refused") : Effect.succeed(resource),
          run.release,
          { name: resource.name }
        ))),
        (exit) =>
          Effect.map(
            AsyncDropResult.fromExit(exit),
            (result) => Result.isFailure(result) ? "none" : newGuard(run, life, result.success)
          )
      )
    }
  },
  dropResult: on("guards", (run, life, guard) => ({
    says: "drop as a result",
    model: () => life.drop(run.model),
    real: ok(AsyncDropResult.drop(Result.succeed(guard)))
  })),
  dropFailure: () => ({
    says: "drop of a result that is a failure",
    model: () => "ok",
    real: ok(Effect.flatMap(AsyncDropResult.fromExit(Exit.fail("refused")), AsyncDropResult.drop))
  }),
  fromDisposable: (run, line) => {
    const into = placeOf(run, line)
    const resource = run.resource(line.ending === "ok" ? "ok" : "dies") // what a disposal throws has no type
    const foreign = {
      [Symbol.dispose]: () => {
        run.real.released.push(resource.name)
        if (resource.ending === "dies") throw `lost ${resource.name}`
      }
    }
    return {
      says: `disposable ${resource.name}, which ${resource.ending}, into ${into.says}`,
      model: () =>
        into.model((place, where) =>
          unlessClosed(place, () => {
            resource.owed = true
            place.add(new Life(resource, where))
            return "ok"
          }), line.sink),
      real: ok(into.real(AsyncDrop.fromDisposable(foreign, { name: resource.name })))
    }
  }
} satisfies Record<string, Command>
