export * as DropAssertionError from "./DropAssertionError.ts"
export * as Explore from "./Explore.ts"
export * as Probe from "./Probe.ts"
