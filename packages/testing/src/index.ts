export * as DropAssertionError from "./DropAssertionError.ts"
export * as Probe from "./Probe.ts"
