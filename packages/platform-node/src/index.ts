export * as FileDrop from "./FileDrop.ts"
export * as LockDrop from "./LockDrop.ts"
