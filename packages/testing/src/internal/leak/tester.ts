// A tester of @effect/vitest whose tests are checked for leaks.
import type { Vitest } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { check } from "../../DropLeak.ts"
import { callerOf } from "./lines.ts"
import { here } from "./yields.ts"

export const tester = <R, X>(base: Vitest.Tester<R | Scope.Scope, X>): Vitest.Tester<R | Scope.Scope, X> => {
  type Tester = Vitest.Tester<R | Scope.Scope, X>
  const register = (test: Vitest.Test<R | Scope.Scope, X>): Vitest.Test<R | Scope.Scope, X> => (name, self, timeout) =>
    test(name, checked(self), timeout)
  return Object.assign(register(base), {
    skip: register(base.skip),
    skipIf: (condition: unknown) => register(base.skipIf(condition)),
    runIf: (condition: unknown) => register(base.runIf(condition)),
    only: register(base.only),
    fails: register(base.fails),
    // any: TypeScript does not see that the arguments are passed on as they are
    each: ((cases) => (name, self, timeout) => base.each(cases)(name, checked(self) as any, timeout)) as Tester["each"],
    prop: ((name, arbitraries, self, timeout) => base.prop(name, arbitraries, checked(self), timeout)) as Vitest.Tester<
      R | Scope.Scope,
      X
    >["prop"]
  })
}

const checked = <Args extends Array<any>, A, E, R>( // any: whatever vitest passes
  self: (...args: Args) => Effect.Effect<A, E, R | Scope.Scope>
): (...args: Args) => Effect.Effect<A, unknown, R | Scope.Scope> => {
  const at = callerOf(here(8))
  const test = (...args: Args) => check(Effect.suspend(() => self(...args)), { at })
  // Vitest reads the names of the fixtures from the source of a test.
  return Object.defineProperty(test, "toString", { value: () => self.toString() })
}
