export * as ChildDrop from "./ChildDrop.ts"
export * as TempDrop from "./TempDrop.ts"
