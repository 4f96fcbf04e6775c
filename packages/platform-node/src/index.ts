export * as LockDrop from "./LockDrop.ts"
