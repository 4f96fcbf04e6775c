// Watches one program: its resources through a `DropObserver`, its drop errors through a `DropReporter`,
// its fibres through a `Scheduler`, which every fibre of the program inherits and asks at each step.
//
// 1. Observers and schedulers that were there before are asked as they were; so is a reporter of the user's.
// 2. What has ended well is forgotten, so that a long test does not grow.
import { type DropError, DropObserver, DropReporter } from "@async-drop/core"
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import type { Origin } from "./lines.ts"
import { trace, type Tracer, type Yield } from "./yields.ts"

type AnyFiber = Fiber.Fiber<unknown, unknown>

/** A resource that has not ended. */
export interface Resource {
  readonly resource: string
  readonly origin: Origin | undefined
  /** The context of the acquire: it has the scope that took the resource. */
  readonly context: Context.Context<never>
  state: "Live" | "Transferred" | "Dropping"
}

/** A fibre that has not ended. */
export interface Running {
  readonly origin: Origin | undefined
  /** Who forked it. */
  readonly by: AnyFiber | undefined
}

/** A drop error that reached the default reporter. */
export interface Unseen {
  readonly error: DropError.DropError<unknown>
  readonly origin: Origin | undefined
}

export class Watch implements Tracer, Scheduler.Scheduler {
  readonly resources = new Map<number, Resource>()
  readonly fibers = new Map<AnyFiber, Running>()
  readonly errors: Array<DropError.DropError<unknown>> = []
  /** Steps that are due: a fibre that has not begun is one of them. */
  pending = 0
  readonly yields = new WeakMap<AnyFiber, Yield | undefined>()
  readonly executionMode: "sync" | "async"
  private readonly inner: Scheduler.Scheduler
  private readonly outer: Context.Context<never>
  private readonly failed = new Map<Cause.Cause<unknown>, Resource>()
  private readonly forks = new WeakMap<AnyFiber, Origin | undefined>()
  private last: AnyFiber | undefined = undefined
  private forking: Running = nowhere

  constructor(outer: Context.Context<never>) {
    this.outer = outer
    this.inner = Context.get(outer, Scheduler.Scheduler)
    this.executionMode = this.inner.executionMode
  }

  /** What the watched program runs with. */
  context(): Context.Context<never> {
    const watched = this.outer.pipe(
      Context.add(Scheduler.Scheduler, this),
      Context.add(DropObserver.DropObserver, this.observer())
    )
    return Context.get(this.outer, DropReporter.DropReporter) === byDefault
      ? Context.add(watched, DropReporter.DropReporter, (error) => Effect.sync(() => void this.errors.push(error)))
      : watched
  }

  unseen(): ReadonlyArray<Unseen> {
    const byName = new Map([...this.failed.values()].map((it) => [it.resource, it]))
    return this.errors.map((error) => ({
      error,
      origin: (this.failed.get(error.cause) ?? byName.get(error.resource))?.origin
    }))
  }

  shouldYield(fiber: AnyFiber): boolean {
    if (fiber !== this.last) this.see(fiber)
    return this.inner.shouldYield(fiber)
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    const dispatcher = this.inner.makeDispatcher()
    return {
      scheduleTask: (task, priority) => {
        const from = this.forkedBy(Fiber.getCurrent())
        this.pending++
        dispatcher.scheduleTask(() => {
          this.pending--
          this.last = undefined
          this.forking = from
          task()
        }, priority)
      },
      flush: () => dispatcher.flush()
    }
  }

  /** A fibre takes a step after another one did: if it is a new one, that other one forked it. */
  private see(fiber: AnyFiber): void {
    if (!this.forks.has(fiber)) {
      const running = this.last === undefined ? this.forking : this.forkedBy(this.last)
      this.forks.set(fiber, running.origin)
      this.fibers.set(fiber, running)
      fiber.addObserver(() => this.fibers.delete(fiber))
    }
    this.last = fiber
  }

  private forkedBy(by: AnyFiber | undefined): Running {
    return by === undefined ? nowhere : { origin: this.originOf(by), by }
  }

  private originOf(fiber: AnyFiber): Origin {
    return { inside: this.yields.get(fiber), forked: this.forks.get(fiber) }
  }

  private observer(): DropObserver.Observer {
    const outer = Context.get(this.outer, DropObserver.DropObserver)
    const observe = (event: DropObserver.Event): void => {
      this.record(event)
      outer?.(event)
    }
    return Object.assign(observe, { stacks: outer?.stacks })
  }

  private record(event: DropObserver.Event): void {
    if (event._tag === "Acquired") {
      const fiber = Fiber.getCurrent()
      this.resources.set(event.id, {
        resource: event.resource,
        origin: fiber === undefined ? undefined : this.originOf(fiber),
        context: fiber?.context ?? Context.empty(),
        state: "Live"
      })
      return
    }
    const resource = "id" in event ? this.resources.get(event.id) : undefined
    if (resource === undefined) return
    switch (event._tag) {
      case "Dropping":
        resource.state = "Dropping"
        break
      case "Transferred":
        resource.state = "Transferred"
        break
      case "Unwrapped":
        this.resources.delete(event.id)
        break
      case "Dropped":
        this.resources.delete(event.id)
        if (event.exit._tag === "Failure") this.failed.set(event.exit.cause, resource)
    }
  }
}

/** Traces the yields of fibres that run under a watch, until the function it gives is called. */
export const tracing = (): () => void =>
  trace((fiber) => fiber.cache.scheduler instanceof Watch ? fiber.cache.scheduler : undefined)

const nowhere: Running = { origin: undefined, by: undefined }

const byDefault = Context.get(Context.empty(), DropReporter.DropReporter)
