// What people write instead of a store: a `Map` of counted promises. It takes no interrupt, and starts the next
// load of a key while its last release still runs.

interface Entry<A> {
  readonly value: Promise<A>
  holders: number
}

export class PromiseMap<K, A> {
  private readonly entries = new Map<K, Entry<A>>()
  private readonly load: (key: K) => Promise<A>
  private readonly release: (value: A) => Promise<void>

  constructor(load: (key: K) => Promise<A>, release: (value: A) => Promise<void>) {
    this.load = load
    this.release = release
  }

  /** `await using` gives it back. */
  async get(key: K): Promise<AsyncDisposable & { readonly value: A }> {
    let entry = this.entries.get(key)
    if (entry === undefined) {
      const value = this.load(key)
      entry = { value, holders: 0 }
      this.entries.set(key, entry)
      value.catch(() => this.entries.delete(key))
    }
    entry.holders++
    return { value: await entry.value, [Symbol.asyncDispose]: () => this.giveBack(key) }
  }

  private async giveBack(key: K): Promise<void> {
    const entry = this.entries.get(key)
    if (entry === undefined || --entry.holders > 0) return
    this.entries.delete(key)
    await this.release(await entry.value)
  }
}
