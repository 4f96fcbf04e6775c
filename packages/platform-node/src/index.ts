export * as HttpDrain from "./HttpDrain.ts"
export * as HttpDrainTimeout from "./HttpDrainTimeout.ts"
export * as RequestDrop from "./RequestDrop.ts"
