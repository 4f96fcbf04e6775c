// Scopes, and scopes inside them.
import { Effect, Exit, Scope } from "effect"
import { type Command, ok, on, pick } from "./command.ts"
import { Child, Place } from "./plain.ts"

export const scopes = {
  scope: (run, { a }) => {
    const parent = pick(run.scopes, a)
    if (parent === undefined || parent[0][0].closed || a % 3 === 0) {
      return {
        says: "new scope",
        model: () => "ok",
        real: Effect.map(Scope.make(), (scope) => (run.scopes.push([new Place(), scope]), "ok"))
      }
    }
    const [[place, scope], i] = parent
    const child = new Child()
    return {
      says: `new scope in scope ${i}`,
      model: () => (place.add(child), "ok"),
      real: Effect.map(Scope.fork(scope), (made) => (run.scopes.push([child, made]), "ok"))
    }
  },
  closeScope: on("scopes", (run, place, scope) => ({
    says: "close",
    model: () => (place.close(run.model), "ok"),
    real: ok(Scope.close(scope, Exit.void))
  }))
} satisfies Record<string, Command>
