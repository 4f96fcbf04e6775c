// Entries by key, compared by Effect's `Equal` and `Hash`.
//
// 1. An entry is found under the hash that its key had when it was put in, and taken out by that: a key
//    that changes meanwhile may no longer be found, but its entry does not come back or stay behind.
// 2. What has no fields of its own needs no hash.
import * as Equal from "effect/Equal"
import * as Hash from "effect/Hash"

interface Keyed {
  readonly key: unknown
}

export class KeyIndex<A extends Keyed> {
  private readonly direct = new Map<unknown, A>()
  private readonly buckets = new Map<number, Array<A>>()
  private readonly hashes = new Map<A, number>()

  get size(): number {
    return this.direct.size
  }

  /** Oldest first; one may be taken out while they are looked at. */
  values(): IterableIterator<A> {
    return this.direct.values()
  }

  find(key: unknown): A | undefined {
    const found = this.direct.get(key)
    if (found !== undefined || isSimple(key) || this.buckets.size === 0) return found
    return this.buckets.get(Hash.hash(key))?.find((entry) => Equal.equals(entry.key, key))
  }

  /** Only where none is found. */
  add(entry: A): void {
    const hash = isSimple(entry.key) ? undefined : Hash.hash(entry.key)
    this.direct.set(entry.key, entry)
    if (hash === undefined) return
    this.hashes.set(entry, hash)
    const bucket = this.buckets.get(hash)
    if (bucket === undefined) this.buckets.set(hash, [entry])
    else bucket.push(entry)
  }

  remove(entry: A): void {
    this.direct.delete(entry.key)
    const hash = this.hashes.get(entry)
    if (hash === undefined) return
    this.hashes.delete(entry)
    const left = this.buckets.get(hash)!.filter((each) => each !== entry) // put in with its hash
    if (left.length === 0) this.buckets.delete(hash)
    else this.buckets.set(hash, left)
  }

  clear(): void {
    this.direct.clear()
    this.buckets.clear()
    this.hashes.clear()
  }
}

const isSimple = (key: unknown): boolean => typeof key !== "object" && typeof key !== "function"
