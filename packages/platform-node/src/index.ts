export * as TempDrop from "./TempDrop.ts"
