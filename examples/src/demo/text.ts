/** How the demo writes numbers. */

export const count = (n: number): string => n.toLocaleString("en")

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

export const seconds = (millis: number): string => `${(millis / 1000).toFixed(2)} s`

export const millis = (millis: number): string => `${millis.toFixed(2)} ms`
