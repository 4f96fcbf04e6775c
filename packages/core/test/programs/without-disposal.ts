// A runtime without explicit resource management, as it was before the language had it: says what is left of ours.

// The symbols cannot be deleted: a `Symbol` of one's own has all else.
const { asyncDispose: _asyncDispose, dispose: _dispose, ...rest } = Object.getOwnPropertyDescriptors(Symbol)
const bare = Object.defineProperties((text?: string) => native(text), rest) as SymbolConstructor // it has all but the two
const native = Symbol
globalThis.Symbol = bare
Reflect.deleteProperty(globalThis, "SuppressedError")
const before = [typeof Symbol.asyncDispose, typeof Symbol.dispose, typeof globalThis.SuppressedError]

// Not before, or they would see what is gone.
const { AsyncDrop, AsyncDropGuard, DropStack } = await import("@async-drop/core")
const { Effect } = await import("effect")

// What a polyfill that asks the registry would have.
const asyncDispose: typeof Symbol.asyncDispose = Symbol.for("Symbol.asyncDispose") as typeof Symbol.asyncDispose
const dispose: typeof Symbol.dispose = Symbol.for("Symbol.dispose") as typeof Symbol.dispose

const log: Array<string> = []
const closes = (name: string) => Effect.sync(() => void log.push(`close ${name}`))
const guard = (name: string) => Effect.runSync(AsyncDropGuard.makeUnscoped(Effect.succeed(name), closes, { name }))

await guard("awaited")[asyncDispose]()
AsyncDropGuard.toDisposable(guard("at once"))[dispose]()

const foreign = { [asyncDispose]: () => Promise.resolve(void log.push("foreign")) }
const sync = { [dispose]: () => void log.push("foreign, at once") }
await Effect.runPromise(AsyncDrop.scoped(
  Effect.andThen(AsyncDrop.fromDisposable(foreign), AsyncDrop.fromDisposable(sync))
))

const stack = Effect.runSync(DropStack.makeUnscoped())
for (const text of ["earlier", "later"]) {
  Effect.runSync(DropStack.defer(stack, () => Effect.die(new Error(text))))
}
const thrown: unknown = await stack[asyncDispose]().then(() => "nothing", (error: unknown) => error)
const { error, suppressed } = thrown as SuppressedError // looked at below
const messages = [error, suppressed].map((cause) => cause instanceof Error ? cause.message : String(cause))

console.log(JSON.stringify({
  before,
  log,
  thrown: [thrown instanceof Error, (thrown as Error).name, (thrown as Error).message, ...messages]
}))
