// What shapes the tree of choices: two runs with equal bounds meet equal choices.

export interface Bounds {
  /** How often a fibre may be made to yield, in one schedule. */
  readonly preemptions: number
  /** How often a victim may be interrupted, in one schedule. */
  readonly interrupts: number
  /** How often a timer may fire though tasks are ready, in one schedule. */
  readonly delays: number
}

/** What ends a run that would go on for ever. */
export interface Limits {
  readonly steps: number
}
