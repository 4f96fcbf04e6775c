export * as NodeDrop from "./NodeDrop.ts"
