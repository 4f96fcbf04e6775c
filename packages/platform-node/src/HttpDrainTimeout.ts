/**
 * What an HTTP server could not end within its budget.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"

/**
 * A request that had not ended when its time was over.
 *
 * **Details**
 *
 * `interrupted`: its handler ended when it was asked to. `abandoned`: it did
 * not; its fibre may still run. `path` is without the query, which may be secret.
 *
 * @category models
 * @since 0.1.0
 */
export interface CutRequest {
  readonly method: string
  readonly path: string
  /** The pattern of its route, as `/users/:id`; not there outside of the handlers of a router. */
  readonly route?: string
  /** How long it had run. */
  readonly duration: Duration.Duration
  readonly end: "interrupted" | "abandoned"
}

/**
 * The drop error of an `HttpDrain`: its budget was over before all had ended.
 *
 * **Details**
 *
 * `budget` is what it had: its own, or what was left for it. `connections` counts
 * those that were destroyed. The message names the first ten requests.
 *
 * @category errors
 * @since 0.1.0
 */
export class HttpDrainTimeout extends Data.TaggedError("HttpDrainTimeout")<{
  readonly budget: Duration.Duration
  readonly requests: ReadonlyArray<CutRequest>
  readonly connections: number
  readonly message: string
}> {
  constructor(args: {
    readonly budget: Duration.Duration
    readonly requests: ReadonlyArray<CutRequest>
    readonly connections: number
  }) {
    super({ ...args, message: messageOf(args) })
  }
}

const shown = 10

const messageOf = (
  { budget, connections, requests }: {
    readonly budget: Duration.Duration
    readonly requests: ReadonlyArray<CutRequest>
    readonly connections: number
  }
): string => {
  const named = requests.slice(0, shown).map(({ duration, end, method, path, route = path }) =>
    `${method} ${path}${route === path ? "" : ` (${route})`} was ${end} after ${Duration.format(duration)}`
  )
  const more = requests.length > shown ? [`${requests.length - shown} more requests were cut`] : []
  const cut = connections === 0
    ? []
    : [connections === 1 ? "1 connection was cut" : `${connections} connections were cut`]
  return `it did not drain within ${Duration.format(budget)}: ${[...named, ...more, ...cut].join(", ")}`
}
