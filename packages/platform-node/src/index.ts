export * as HttpDrain from "./HttpDrain.ts"
export * as HttpDrainTimeout from "./HttpDrainTimeout.ts"
