// Everything a program can do, with what the model says of it.
import { arcs } from "./arcs.ts"
import type { Args } from "./command.ts"
import { guards } from "./guards.ts"
import { locks } from "./locks.ts"
import { maps } from "./maps.ts"
import { results } from "./results.ts"
import type { Run, Step } from "./run.ts"
import { scopes } from "./scopes.ts"
import { shared } from "./shared.ts"
import { stacks } from "./stacks.ts"

export const commands = { ...scopes, ...guards, ...arcs, ...locks, ...maps, ...stacks, ...results, ...shared }

/** One line of a program. */
export interface Line extends Args {
  readonly command: keyof typeof commands
}

/** The step that a line stands for, if there is what it needs. */
export const stepOf = (run: Run, line: Line): Step | undefined => commands[line.command](run, line)
