// What is in a DropStack: a scope of its own.
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constTrue } from "effect/Function"
import * as Scope from "effect/Scope"
import type { DropStack } from "../DropStack.ts"
import type { Closing } from "./closing.ts"
import { asyncDispose, runDisposal } from "./dispose.ts"
import { closeScope } from "./entries.ts"
import { HandleObject } from "./handle-object.ts"
import { drop } from "./handle.ts"
import { strategyOf } from "./limits.ts"
import type { Contents as NestContents, Nest, NestOptions } from "./nest.ts"

export const TypeId = "~@async-drop/core/DropStack"

/** Its class is called as messages call it. */
export const Contents = class DropStack implements NestContents {
  nest: Nest | undefined = undefined
  readonly scope: Scope.Closeable

  constructor(options: NestOptions | undefined) {
    this.scope = Scope.makeUnsafe(strategyOf(options))
  }
  close(nest: Nest, exit: Exit.Exit<unknown, unknown>, closing: Closing | undefined): Effect.Effect<void> {
    return closeScope(this.scope, exit, nest, closing)
  }
}
export type Contents = InstanceType<typeof Contents>

export class StackImpl extends HandleObject<Nest> implements DropStack {
  readonly [TypeId] = TypeId
  readonly contents: Contents

  constructor(contents: Contents, nest: Nest) {
    super(nest)
    this.contents = contents
  }
  protected get kind(): string {
    return "DropStack"
  }
  get nest(): Nest {
    return this.lifetime
  }
  /** Of a stack that was moved, one that is closed: what was put in is another's. */
  get scope(): Scope.Scope {
    return this.nest.state._tag === "Moved" ? closed : this.contents.scope
  }
  get disposed(): boolean {
    return this.nest.state._tag !== "Live"
  }
  override [asyncDispose](): Promise<void> {
    return runDisposal(closeStack(this, Exit.void), this.nest.services)
  }
}

const closed = Scope.makeUnsafe()
Scope.closeUnsafe(closed, Exit.void)

/** Stacks are made here alone, so each is one of these. */
export const implOf = (stack: DropStack): StackImpl => stack as StackImpl

/** What was in a stack that was moved is another's to close. */
export const closeStack = (stack: StackImpl, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void, unknown> =>
  Effect.suspend(() => stack.nest.state._tag === "Moved" ? Effect.void : drop(stack.nest, constTrue, exit))
