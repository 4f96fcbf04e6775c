// What an explored program is given.
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { InvariantError } from "./invariants.ts"
import { misuse } from "./misuse.ts"
import type { Control } from "./model.ts"
import type { World } from "./world.ts"

export const control = (world: World): Control => {
  const current = () => {
    const fiber = Fiber.getCurrent()
    return fiber && world.fibers.find(fiber)
  }
  const choose = (n: number) => {
    if (!Number.isSafeInteger(n) || n < 1) {
      throw misuse("ctl.choose", String(n), "Choose between a whole number of options, at least 1.")
    }
    return world.choose(n)
  }
  return {
    choose,
    oneOf: (...options) => {
      if (options.length === 0) throw misuse("ctl.oneOf", "no options", "Give at least one option.")
      return options[choose(options.length)]!
    },
    victim: (effect) =>
      Effect.suspend(() => {
        const info = current()
        if (info === undefined) return effect
        world.victims.add(info)
        // In the step that ends it: nothing is to be explored of what is not the program's.
        return Effect.onExitPrimitive(effect, () => void world.victims.delete(info))
      }),
    invariant: (condition, message) => {
      if (condition) return
      const error = new InvariantError(message)
      world.invariants.break(message, error)
      world.break()
      throw error
    },
    always: (message, holds) => world.invariants.addAlways({ message, holds }),
    atEnd: (message, holds) => world.invariants.addAtEnd({ message, holds }),
    name: (name) => {
      const info = current()
      if (info !== undefined) info.name = name
    },
    log: (text) => world.recorder?.note(text)
  }
}
