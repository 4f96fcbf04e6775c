// Stacks: made, moved and closed. What is in them came with the other commands.
import { DropStack } from "@async-drop/core"
import { Effect } from "effect"
import { type Command, ok, on, pick, placeOf } from "./command.ts"
import { Inside, isIn, Nest } from "./plain.ts"
import { unlessClosed } from "./run.ts"

export const stacks = {
  stack: (run, line) => {
    const into = placeOf(run, line)
    const nest = new Nest(new Inside())
    return {
      says: `stack into ${into.says}`,
      model: () => into.model((place) => unlessClosed(place, () => (place.add(nest), "ok")), line.sink),
      real: Effect.map(into.real(DropStack.make()), (stack) => (run.stacks.push([nest, stack]), "ok"))
    }
  },
  stackUnscoped: (run) => ({
    says: "stack for nobody",
    model: () => "ok",
    real: Effect.map(DropStack.makeUnscoped(), (stack) => (run.stacks.push([new Nest(new Inside()), stack]), "ok"))
  }),
  close: on("stacks", (run, nest, stack) => ({
    says: "close",
    model: () => nest.drop(run.model),
    real: ok(DropStack.close(stack))
  })),
  move: (run, line) => {
    const picked = pick(run.stacks, line.a)
    if (picked === undefined) return undefined
    const [[nest, stack], i] = picked
    const into = placeOf(run, line)
    const next = new Nest(nest.contents)
    // A stack that is moved into itself has no owner: there is nothing to say of it.
    if (into.model((place) => isIn(place, nest.contents.place) ? "itself" : "", "x") === "itself") return undefined
    return {
      says: `stacks ${i}: move into ${into.says}`,
      model: () =>
        into.model((place) => {
          if (nest.state === "moved") return "misuse"
          if (nest.state === "dropped") return "interrupt"
          return unlessClosed(place, () => {
            nest.state = "moved"
            nest.place?.remove(nest)
            place.add(next)
            return "ok"
          })
        }, line.sink),
      real: Effect.map(into.real(DropStack.move(stack)), (stack) => (run.stacks.push([next, stack]), "ok"))
    }
  }
} satisfies Record<string, Command>
