// What a handle can do with its lifetime: use it, drop it, give it away. The states and their rules are in
// lifetime.ts.
export { drop, dropLease, dropSync } from "./drop.ts"
export { reserve } from "./reserve.ts"
export { use } from "./use.ts"
