// A budget that is there before anything closes, for whatever closes once it has begun.
import * as Clock from "effect/Clock"
import * as Option from "effect/Option"
import type { DropContext } from "../DropContext.ts"
import type { Phase } from "../DropError.ts"
import { DropReporter } from "../DropReporter.ts"
import type { Limit } from "../DropTimeout.ts"
import { Budget, type Member } from "./budget.ts"
import { Closing, Release } from "./closing.ts"
import type { AnyFiber } from "./lifetime.ts"
import { report } from "./sink.ts"

/** Between one close and the next it leaves no timer behind. */
class Standing extends Budget {
  override remove(member: Member): void {
    super.remove(member)
    this.rest()
  }
}

export class Deadline extends Release implements DropContext {
  closing: Closing | undefined = undefined

  begin(fiber: AnyFiber, millis: number): void {
    if (this.closing !== undefined) return
    const reporter = fiber.getRef(DropReporter)
    const budget = new Standing(
      millis,
      undefined,
      fiber.getRef(Clock.Clock),
      (error) => report(fiber.context, reporter, error)
    )
    this.closing = new Closing(fiber, { label: "program", limit: 1, budget })
  }
  end(): void {
    this.closing?.end()
  }
  get phase(): Phase {
    return this.closing?.phase ?? "graceful"
  }
  get reason(): Option.Option<Limit> {
    return this.closing?.reason ?? Option.none()
  }
  get timeLeft() {
    return this.closing?.timeLeft ?? Option.none()
  }
  get abandoned(): ReadonlyArray<string> {
    return this.closing?.abandoned ?? []
  }
}
