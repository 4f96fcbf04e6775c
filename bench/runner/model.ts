// What is measured: groups of cases that do the same work in different ways.

export interface Case {
  readonly name: string
  /** What the work needs, made before the clock starts. */
  readonly prepare?: (ops: number) => unknown
  /** Does the work `ops` times, with what `prepare` made. */
  readonly run: (ops: number, prepared: any) => void | Promise<void> // any: of the type that `prepare` says
  /** How often a round does it. Default: as often as fills a round. */
  readonly ops?: number
  readonly goals?: ReadonlyArray<Goal>
}

/** At most so many times what the named case takes, or so much where no case is named. */
export interface Goal {
  readonly unit: "ns" | "bytes"
  readonly against?: string
  readonly atMost: number
}

export interface Group {
  readonly name: string
  /** The case that the ratios are printed against. */
  readonly yardstick: string
  /** At most so many rounds, where one takes seconds. */
  readonly rounds?: number
  readonly cases: ReadonlyArray<Case>
}

/** Cases that are measured by what they keep on the heap. */
export interface OpenGroup {
  readonly name: string
  readonly yardstick: string
  readonly resources: number
  readonly cases: ReadonlyArray<OpenCase>
}

export interface OpenCase {
  readonly name: string
  /** Opens `resources`, calls `whileOpen` once, and closes them. */
  readonly run: (resources: number, whileOpen: () => void) => void | Promise<void>
  readonly goals?: ReadonlyArray<Goal>
}

/** What one case came to; `rounds` are nanoseconds an operation. */
export interface Figures {
  readonly name: string
  readonly rounds: ReadonlyArray<number>
  readonly bytes: number | undefined
  readonly goals: ReadonlyArray<Goal>
}

export interface GroupFigures {
  readonly name: string
  readonly yardstick: string
  readonly cases: ReadonlyArray<Figures>
}
