// Notes what a run asks of the outer world while it runs: chance, the wall clock, real timers.

/** Runs `f`, and gives the names of what it called, each with the line that called it first. */
export const trap = (f: () => void): ReadonlyArray<string> => {
  const calls = new Map<string, string>()
  const restore = targets.map(([holder, name, label]) => install(holder, name, label, calls))
  try {
    f()
  } finally {
    for (const undo of restore) undo()
  }
  return [...calls].map(([label, where]) => where === "" ? label : `${label} (${where})`)
}

type Holder = Record<string, unknown>

// Globals are looked up by name: what a platform lacks is passed over.
const world = globalThis as unknown as Holder
const part = (name: string) => world[name] as Holder | undefined

const targets: ReadonlyArray<readonly [Holder | undefined, string, string]> = [
  [part("Math"), "random", "Math.random"],
  [part("Date"), "now", "Date.now"],
  [part("performance"), "now", "performance.now"],
  [part("crypto"), "randomUUID", "crypto.randomUUID"],
  [part("crypto"), "getRandomValues", "crypto.getRandomValues"],
  [world, "Date", "new Date()"],
  [world, "setTimeout", "setTimeout"],
  [world, "setInterval", "setInterval"],
  [world, "setImmediate", "setImmediate"],
  [world, "queueMicrotask", "queueMicrotask"],
  [world, "fetch", "fetch"]
]

const install = (holder: Holder | undefined, name: string, label: string, calls: Map<string, string>) => {
  const original = holder?.[name]
  if (holder === undefined || typeof original !== "function") return () => {}
  const note = () => {
    const where = caller()
    // Effect hashes an object that has no hash of its own by chance: the order of a HashMap at most.
    if (where !== undefined && !calls.has(label)) calls.set(label, where)
  }
  const own = Object.hasOwn(holder, name)
  holder[name] = new Proxy(original, {
    apply: (target, self, args) => {
      note()
      return Reflect.apply(target, self, args)
    },
    construct: (target, args, as) => {
      if (args.length === 0) note()
      return Reflect.construct(target, args, as)
    }
  })
  return () => {
    if (own) holder[name] = original
    else delete holder[name]
  }
}

const place = /\(?((?:file:|\/|[A-Za-z]:\\)[^()]*:\d+:\d+)\)?$/

/** The program's line that led to the call, or undefined where it is Effect's hash of an object. */
const caller = (): string | undefined => {
  const frames = (new Error().stack ?? "").split("\n").slice(1).flatMap((frame) => place.exec(frame)?.[1] ?? [])
    .filter((frame) => !frame.includes("explore/traps"))
  if (/effect\/(src|dist)\/Hash\./.test(frames[0] ?? "")) return undefined
  const own = frames.find((frame) => !/\/effect\/(src|dist)\//.test(frame)) ?? frames[0]
  return own?.replace(/^file:\/\//, "") ?? ""
}
